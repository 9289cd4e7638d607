//! The names of the metrics, each once. It may not know who scrapes them.

/// Open connections.
pub const CONNECTIONS: &str = "sessionwire_connections";
/// Connections told to come back later, since too many came at once.
pub const ARRIVALS_PUT_OFF: &str = "sessionwire_arrivals_put_off_total";
/// Whether this node decides and takes connections: 1 or 0.
pub const READY: &str = "sessionwire_ready";
/// Nodes on the list, by state: `live` (this one among them) or `lost`.
pub const NODES: &str = "sessionwire_nodes";
/// How long ago this node last read the log to its end, in seconds; beyond the lease it decides nothing.
pub const LOG_READ_AGE: &str = "sessionwire_log_read_age_seconds";
/// Events that the log held at that time and this node has yet to apply.
pub const LOG_LAG: &str = "sessionwire_log_lag_events";
/// Events applied, by where they came from: `bus`, or `log` where the bus was too slow or lost them.
pub const APPLIED: &str = "sessionwire_applied_events_total";
/// Whether this node does what is to be done once: 1 or 0.
pub const ON_DUTY: &str = "sessionwire_on_duty";
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
/// Events of the log that a sink has yet to write.
pub const SINK_LAG_EVENTS: &str = "sessionwire_sink_lag_events";
/// The age of the first event that a sink has yet to write, in seconds.
pub const SINK_LAG_SECONDS: &str = "sessionwire_sink_lag_seconds";
/// Events that a sink has written.
pub const SINK_WRITTEN: &str = "sessionwire_sink_written_total";
/// Attempts of a sink that failed.
pub const SINK_FAILURES: &str = "sessionwire_sink_failures_total";
/// How often a sink found that its target had lost what it had.
pub const SINK_REFILLS: &str = "sessionwire_sink_refills_total";
/// Published keys of an issuer that are at hand.
pub const ISSUER_KEYS: &str = "sessionwire_issuer_keys";
/// When they were last fetched, in seconds since the Unix epoch.
pub const ISSUER_FETCHED_AT: &str = "sessionwire_issuer_fetched_timestamp_seconds";
/// Fetches of them, by outcome.
pub const ISSUER_FETCHES: &str = "sessionwire_issuer_fetches_total";
/// What a sink is at: 1 for its state, 0 for all others.
pub const SINK_STATE: &str = "sessionwire_sink_state";
