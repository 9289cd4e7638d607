//! Late uses: a service says that it accepted a token before it had learnt of the token's end. The log
//! keeps it, for whoever asks what somebody still did. It may not know how services find out.

use super::{Call, Core, Result};
use crate::domain::error::Error;
use crate::domain::event::{Event, LateUse};
use crate::domain::text::{TITLE_CHARS_MAX, check_line};

/// Late uses of one report.
pub const LATE_USES_MAX: usize = 100;

impl Core {
    /// Records late uses; those of sessions that the user never had are left out. Answers how many it
    /// took.
    pub async fn report_late_uses(&self, call: &Call, uses: Vec<LateUse>) -> Result<u32> {
        if uses.len() > LATE_USES_MAX {
            return Err(Error::validation(format!(
                "`uses` may have at most {LATE_USES_MAX} items"
            )));
        }
        for late in &uses {
            check_line("what", &late.what, TITLE_CHARS_MAX)?;
        }
        let mut tx = self.begin().await?;
        let head = tx.find_head().await?;
        let mut taken = 0;
        for late in uses {
            if late.change_seq > head {
                return Err(Error::validation("`seq` lies ahead of the log"));
            }
            let session = tx.find_session(late.session_id).await?;
            if session.is_some_and(|session| session.user_id == late.user_id) {
                tx.record(&call.cause, Event::TokenLateUse(late));
                taken += 1;
            }
        }
        self.conclude(call, tx, taken).await.map(|done| done.value)
    }
}
