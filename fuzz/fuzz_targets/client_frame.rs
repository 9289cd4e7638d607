//! Whatever a client sends, a frame is read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sessionwire::domain::client_message::ClientMessage;

fuzz_target!(|text: &str| {
    if let Err(refused) = ClientMessage::parse(text) {
        assert!(!refused.to_string().is_empty());
    }
});
