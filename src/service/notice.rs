//! Notices: something an administrator or a service says to people who are connected.

use super::{Call, Core, Done, EventQuery, Result};
use crate::domain::audit::AuditEntry;
use crate::domain::error::Error;
use crate::domain::event::{Audience, Event};
use crate::domain::id::{GroupId, Seq, UserId};
use crate::domain::message::NoticeContent;
use crate::domain::text::{BODY_CHARS_MAX, TITLE_CHARS_MAX, check_line, check_paragraph};
use crate::storage::EventFilter;

/// The largest `data` of a notice, in bytes of JSON.
const DATA_BYTES_MAX: usize = 8 * 1024;

/// To whom a notice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeTarget {
    /// One user.
    User(UserId),
    /// The members of a group.
    Group(GroupId),
}

impl Core {
    /// Sends a notice to open connections. Nobody hears it later.
    pub async fn send_notice(
        &self,
        call: &Call,
        to: NoticeTarget,
        notice: NoticeContent,
    ) -> Result<Done<()>> {
        check_line("title", &notice.title, TITLE_CHARS_MAX)?;
        check_paragraph("body", &notice.body, BODY_CHARS_MAX)?;
        let data_bytes = notice
            .data
            .as_ref()
            .map_or(0, |data| data.to_string().len());
        if data_bytes > DATA_BYTES_MAX {
            return Err(Error::validation(format!(
                "`data` may have at most {DATA_BYTES_MAX} bytes"
            )));
        }
        let mut tx = self.begin().await?;
        let to = match to {
            NoticeTarget::User(id) => {
                tx.find_user(id).await?.ok_or(Error::NotFound("user"))?;
                Audience::User(id)
            }
            NoticeTarget::Group(group_id) => {
                let group = tx
                    .find_group(group_id)
                    .await?
                    .ok_or(Error::NotFound("group"))?;
                Audience::Group {
                    group_id,
                    name: group.name,
                }
            }
        };
        tx.record(&call.cause, Event::NoticeSent { to, notice });
        self.conclude(call, tx, ()).await
    }

    /// The log as the audit trail, ascending, and the position after which it goes on.
    pub async fn list_events(&self, query: EventQuery) -> Result<(Vec<AuditEntry>, Option<Seq>)> {
        let filter = EventFilter {
            after: query.after,
            kind: query.kind,
            user_id: query.user_id,
        };
        let probe = query.limit.saturating_add(1);
        let mut rows = self.look().await?.list_audit(&filter, probe).await?;
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.entry.seq);
        Ok((rows, next))
    }
}
