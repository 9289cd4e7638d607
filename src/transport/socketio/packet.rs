//! The two alphabets of Socket.IO 5: Engine.IO's packets, and within their messages Socket.IO's. Text in,
//! text out. It may not know who says what, or why.

use serde::Serialize;
use serde_json::Value;

use crate::domain::client_message::{ClientMessage, Unreadable};
use crate::domain::close::Close;
use crate::domain::message::ServerMessage;
use crate::node::Frame;

/// Between the packets of a polling payload.
pub(super) const SEPARATOR: char = '\u{1e}';
/// Is anybody there?
pub(super) const PING: &str = "2";
/// Ends a poll that has nothing to bring.
pub(super) const NOOP: &str = "6";
/// The transport is closed.
pub(super) const CLOSE: &str = "1";
/// What a client says over a new WebSocket, and what it hears, before it moves there.
pub(super) const PROBE: &str = "2probe";
pub(super) const PROBED: &str = "3probe";
pub(super) const UPGRADE: &str = "5";
/// The client is put out of the namespace, and stays out by its own rule.
const DISCONNECT: &str = "41";

/// What a client says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// A sign of life.
    Pong,
    /// Nothing.
    Noop,
    /// It goes.
    Close,
    /// It wants into the main namespace; the text is what it says of itself.
    Connect(&'a str),
    /// It wants into another namespace.
    ConnectElsewhere(&'a str),
    /// It leaves the main namespace.
    Disconnect,
    /// An event, and the number of the acknowledgement that it asks for.
    Event(&'a str, Option<u64>),
    /// Bytes, or a message that announces some.
    Binary,
}

impl<'a> Packet<'a> {
    /// Reads one; `None`: it is none that a client may send here.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        match text.as_bytes().first()? {
            b'1' => Some(Self::Close),
            b'3' => Some(Self::Pong),
            b'4' => Self::read_message(&text[1..]),
            b'6' => Some(Self::Noop),
            b'b' => Some(Self::Binary),
            _ => None,
        }
    }

    fn read_message(text: &'a str) -> Option<Self> {
        let kind = *text.as_bytes().first()?;
        let (namespace, rest) = split_namespace(text.get(1..)?);
        match (kind, namespace) {
            (b'0', None) => Some(Self::Connect(rest)),
            (b'0', Some(namespace)) => Some(Self::ConnectElsewhere(namespace)),
            (b'1', None) => Some(Self::Disconnect),
            (b'2', None) => {
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (number, arguments) = rest.split_at(digits);
                let number = match number {
                    "" => None,
                    number => Some(number.parse().ok()?),
                };
                Some(Self::Event(arguments, number))
            }
            (b'5' | b'6', _) => Some(Self::Binary),
            _ => None,
        }
    }
}

/// A namespace other than the main one, and what follows it.
fn split_namespace(text: &str) -> (Option<&str>, &str) {
    if !text.starts_with('/') {
        return (None, text);
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    // What a client adds to a namespace as a query is not part of its name.
    let name = namespace.split('?').next().unwrap_or(namespace);
    ((name != "/").then_some(namespace), rest)
}

/// Reads an event: its name and arguments as JSON.
pub(super) fn read_event(arguments: &str) -> Result<ClientMessage, Unreadable> {
    let arguments: Vec<Value> =
        serde_json::from_str(arguments).map_err(|_| Unreadable::NotAnObject)?;
    let mut arguments = arguments.into_iter();
    let Some(Value::String(name)) = arguments.next() else {
        return Err(Unreadable::NotAnObject);
    };
    ClientMessage::named(&name, arguments.next(), arguments.next().is_some())
}

/// What a client says of itself when it wants in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Auth {
    /// And the proof beside it, where it is bound to a key.
    Token(String, Option<String>),
    Ticket(String),
    Nothing,
}

impl Auth {
    /// Reads it; `None`: not an object.
    pub(super) fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Nothing);
        }
        let value: Value = serde_json::from_str(text).ok()?;
        let members = value.as_object()?;
        let said = |name: &str| members.get(name)?.as_str().map(str::to_owned);
        Some(if let Some(token) = said("token") {
            Self::Token(token, said("dpop"))
        } else if let Some(ticket) = said("ticket") {
            Self::Ticket(ticket)
        } else {
            Self::Nothing
        })
    }
}

/// The first packet.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Open<'a> {
    pub(super) sid: &'a str,
    pub(super) upgrades: &'a [&'a str],
    pub(super) ping_interval: u64,
    pub(super) ping_timeout: u64,
    pub(super) max_payload: usize,
}

impl Open<'_> {
    pub(super) fn write(&self) -> String {
        format!("0{}", json(self))
    }
}

/// The client is in.
pub(super) fn connected(id: &str) -> String {
    format!(r#"40{{"sid":"{id}"}}"#)
}

/// The client is not let in. `last_words`: what it would have heard before a close.
pub(super) fn refused(close: Close, last_words: Option<&ServerMessage>) -> String {
    #[derive(Serialize)]
    struct Refusal<'a> {
        message: &'static str,
        data: Data<'a>,
    }
    #[derive(Serialize)]
    struct Data<'a> {
        code: u16,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a ServerMessage>,
    }
    let (code, reason) = (close.code.number(), close.reason);
    let data = Data {
        code,
        reason,
        message: last_words,
    };
    let message = reason;
    format!("44{}", json(&Refusal { message, data }))
}

/// There is no such namespace.
pub(super) fn refused_elsewhere(namespace: &str) -> String {
    let Close { code, reason } = Close::PROTOCOL_ERROR;
    let code = code.number();
    format!(
        r#"44{namespace},{{"message":"Invalid namespace","data":{{"code":{code},"reason":"{reason}"}}}}"#
    )
}

/// A message as an event.
pub(super) fn event(frame: &Frame) -> String {
    let members = String::from_utf8_lossy(frame.members());
    format!(r#"42["{}",{{{members}]"#, frame.kind())
}

/// That an event was taken in.
pub(super) fn acknowledged(number: u64) -> String {
    format!("43{number}[]")
}

/// The end: the event that says why, and, where the client is to stay out, what makes it do so.
pub(super) fn end(close: Close) -> impl Iterator<Item = String> {
    let (code, reason) = (close.code.number(), close.reason);
    let why = format!(r#"42["close",{{"code":{code},"reason":"{reason}"}}]"#);
    let out = close.code.keeps_out().then(|| DISCONNECT.to_owned());
    std::iter::once(why).chain(out)
}

fn json(value: &impl Serialize) -> String {
    // What is written here has no part that JSON could not hold.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read() {
        for (text, packet) in [
            ("1", Packet::Close),
            ("3", Packet::Pong),
            ("6", Packet::Noop),
            ("bAQID", Packet::Binary),
            ("40", Packet::Connect("")),
            (r#"40{"a":1}"#, Packet::Connect(r#"{"a":1}"#)),
            (r#"40/,{"a":1}"#, Packet::Connect(r#"{"a":1}"#)),
            ("40/?b=1,", Packet::Connect("")),
            ("40/admin,{}", Packet::ConnectElsewhere("/admin")),
            ("40/admin", Packet::ConnectElsewhere("/admin")),
            ("41", Packet::Disconnect),
            (r#"42["a"]"#, Packet::Event(r#"["a"]"#, None)),
            (r#"427["a"]"#, Packet::Event(r#"["a"]"#, Some(7))),
            (r#"42/,7["a"]"#, Packet::Event(r#"["a"]"#, Some(7))),
            (r#"451-["a",{}]"#, Packet::Binary),
            ("461-[]", Packet::Binary),
        ] {
            assert_eq!(Packet::read(text), Some(packet), "{text}");
        }
        let long = format!("42{}[]", "9".repeat(30));
        for text in [
            "", "0", "2", "2probe", "5", "7", "é", "4", "4é", "43[]", "44{}", "41/admin",
            "42/a,[]", &long,
        ] {
            assert_eq!(Packet::read(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_said_is_read_or_refused(text in r"[0-7b/,\[\]{}é\x22-]{0,12}\PC{0,8}") {
            match Packet::read(&text) {
                Some(Packet::Event(arguments, _)) => drop(read_event(arguments)),
                Some(Packet::Connect(auth)) => drop(Auth::read(auth)),
                _ => {}
            }
        }
    }

    #[test]
    fn an_event_is_a_message_by_name_and_one_object() {
        let ack = read_event(r#"["ack",{"id":7}]"#).unwrap();
        assert!(matches!(ack, ClientMessage::Ack { id } if id.0 == 7));
        assert!(read_event(r#"["activity"]"#).is_ok());
        assert!(read_event(r#"["activity",{}]"#).is_ok());
        for (text, unreadable) in [
            ("", Unreadable::NotAnObject),
            ("[", Unreadable::NotAnObject),
            ("{}", Unreadable::NotAnObject),
            ("[]", Unreadable::NotAnObject),
            (r#"[7,{"id":7}]"#, Unreadable::NotAnObject),
            (r#"["sing",{}]"#, Unreadable::UnknownType),
            (r#"["ack"]"#, Unreadable::WrongMembers),
            (r#"["ack",7]"#, Unreadable::WrongMembers),
            (r#"["ack",{"id":7},{}]"#, Unreadable::WrongMembers),
            (r#"["ack",{"id":7,"type":"ack"}]"#, Unreadable::WrongMembers),
            (r#"["activity",null]"#, Unreadable::WrongMembers),
        ] {
            assert_eq!(read_event(text), Err(unreadable), "{text}");
        }
    }

    #[test]
    fn what_a_client_says_of_itself_is_read() {
        let token = Auth::read(r#"{"token":"t","ticket":"x"}"#);
        assert_eq!(token, Some(Auth::Token("t".into(), None)));
        let ticket = Auth::read(r#"{"ticket":"x","pid":"p"}"#);
        assert_eq!(ticket, Some(Auth::Ticket("x".into())));
        for nothing in ["", "{}", r#"{"token":7}"#] {
            assert_eq!(Auth::read(nothing), Some(Auth::Nothing));
        }
        for wrong in ["{", "[]", "7", r#""t""#] {
            assert_eq!(Auth::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn packets_are_written() {
        let open = Open {
            sid: "s",
            upgrades: &["websocket"],
            ping_interval: 25_000,
            ping_timeout: 20_000,
            max_payload: 9,
        };
        let reconnect = ServerMessage::Reconnect { after_ms: 7 };
        let written = [
            vec![open.write(), connected("c"), acknowledged(3)],
            vec![
                event(&Frame::of(&reconnect)),
                event(&Frame::of(&ServerMessage::Pong)),
            ],
            end(Close::DRAINING).collect(),
            end(Close::TOKEN_INVALID).collect(),
            vec![
                refused(Close::DRAINING, Some(&reconnect)),
                refused_elsewhere("/a"),
            ],
        ];
        insta::assert_snapshot!(written.concat().join("\n"), @r#"
        0{"sid":"s","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":9}
        40{"sid":"c"}
        433[]
        42["reconnect",{"after_ms":7}]
        42["pong",{}]
        42["close",{"code":4000,"reason":"draining"}]
        42["close",{"code":4500,"reason":"token_invalid"}]
        41
        44{"message":"draining","data":{"code":4000,"reason":"draining","message":{"type":"reconnect","after_ms":7}}}
        44/a,{"message":"Invalid namespace","data":{"code":4505,"reason":"protocol_error"}}
        "#);
    }
}
