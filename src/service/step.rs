//! The points of a request between which another one may come: named, so that the races of the design
//! can be told apart in a trace, and so that a test can hold a request at one of them and let the
//! other go first. It may not know what happens there.

/// The target of the trace events.
pub const STEP_TARGET: &str = "sessionwire::step";

/// A point in a sign-in or a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The credential was found to be right; nothing is locked.
    Proven,
    /// Everything is written and locked, nothing is committed.
    Written,
    /// Committed; the rights for the token have yet to be read.
    Committed,
    /// The rights for the token were read; it has yet to be signed.
    RightsRead,
}

impl Step {
    /// Its name in a trace.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Written => "written",
            Self::Committed => "committed",
            Self::RightsRead => "rights_read",
        }
    }

    /// Says that a request has come here.
    pub(super) fn reached(self) {
        tracing::trace!(target: STEP_TARGET, step = self.as_str());
    }
}
