//! Decides whether a Sessionwire token is good, without asking anybody.
//!
//! Floor 0: the server and every service that verifies tokens link this crate, so that they decide
//! with the same code. It knows claims, keys and positions; it may not know sockets, databases,
//! clocks or HTTP. Time is an argument.
//!
//! Read in this order: [`claims`] (what a token says), [`keys`] (is it genuine, RFC 8725),
//! [`revocation`] (does it still hold).

pub mod claims;
pub mod id;
pub mod keys;
pub mod reason;
pub mod revocation;

pub use claims::Claims;
pub use id::{DeviceId, Seq, SessionId, UserId};
pub use keys::{Algorithm, KeyError, KeySet, Rejection, VerificationKey};
pub use reason::Reason;
pub use revocation::{Change, ChangeKind, Note, RevocationIndex, Verdict};
