//! The names of the metrics, each once. It may not know who scrapes them.

/// Open connections.
pub const CONNECTIONS: &str = "sessionwire_connections";
/// Connections closed, by close code.
pub const CONNECTIONS_CLOSED: &str = "sessionwire_connections_closed_total";
/// Messages written to clients.
pub const MESSAGES_SENT: &str = "sessionwire_messages_sent_total";
/// The last log position that this node applied.
pub const APPLIED_POSITION: &str = "sessionwire_applied_position";
/// From a commit to the frames of the last connection concerned, in seconds.
pub const TELL_SECONDS: &str = "sessionwire_tell_seconds";
/// Sign-ins, by outcome.
pub const SIGN_INS: &str = "sessionwire_sign_ins_total";
/// Messages that a client acknowledged.
pub const ACKS: &str = "sessionwire_acks_total";
