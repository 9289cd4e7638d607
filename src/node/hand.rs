//! What writes for a connection that is at rest, so that a message for thousands wakes none of them. A transport
//! lends it; one that lends none is woken. It may not know what is written.

use super::frame::Frame;

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// All of it has gone to the kernel.
    All,
    /// Some of it has; the connection's own wire owes the rest.
    InPart,
    /// Nothing has: the connection has to see to it by itself.
    Nothing,
}

/// Writes for a connection, beside the connection's own wire.
pub trait Hand: Send + Sync {
    /// Adds the message to these bytes, as it goes over the wire.
    fn encode(&self, frame: &Frame, bytes: &mut Vec<u8>);

    /// Writes as much of whole messages as the kernel takes at once.
    fn write(&self, bytes: &[u8]) -> Written;
}
