//! Decides whether a Sessionwire token is good, without asking anybody.
//!
//! Floor 0: the server and every service that verifies tokens link this crate, so that they decide
//! with the same code. It knows claims, keys and positions; it may not know sockets, databases,
//! clocks or HTTP, and time is an argument; all but its feature `client`, the guard that a service runs,
//! and on top of that `tower` (a layer) and `axum` (an extractor). The server uses none of them.
//!
//! Read in this order: [`claims`] (what a token says), [`keys`] (is it genuine, RFC 8725),
//! [`verified`] (what need not be asked twice), [`revocation`] (does it still hold), [`feed`] (how a service learns of it).

pub mod claims;
#[cfg(feature = "client")]
pub mod client;
pub mod dpop;
mod entries;
#[cfg(feature = "axum")]
pub mod extract;
pub mod feed;
pub mod foreign;
pub mod id;
pub mod jwks;
pub mod keys;
#[cfg(feature = "tower")]
pub mod layer;
#[cfg(test)]
mod properties;
pub mod reason;
pub mod revocation;
#[cfg(test)]
mod vectors;
pub mod verified;

pub use claims::{Claims, Confirmation};
#[cfg(feature = "client")]
pub use client::{Behind, Guard, GuardSettings, Refusal, Route};
pub use entries::FOR_EVER;
#[cfg(feature = "axum")]
pub use extract::Authenticated;
pub use feed::{FeedFault, FeedMessage, FeedState, Heard, Taken};
pub use foreign::{ForeignAlgorithm, ForeignKeys, TokenKind, Unopened};
pub use id::{DeviceId, Seq, SessionId, UserId};
pub use keys::{Algorithm, KeyError, KeySet, Rejection, VerificationKey};
#[cfg(feature = "tower")]
pub use layer::GuardLayer;
pub use reason::Reason;
pub use revocation::{Change, ChangeKind, Note, RevocationIndex, Verdict};
pub use verified::{Fingerprint, Verified, fingerprint};
