//! What a newcomer meets at the door, read one way from `policies` and `sessions`: the rules, and who has the seats.

use sqlx::{FromRow as _, Row as _};

use super::Result;
use super::policies::{OF_USER, PolicyRow, choose};
use super::sessions::{COLUMNS, SessionRow};
use super::tx::{Tx, rows_in_one_way};
use crate::domain::id::UserId;
use crate::domain::policy::Policy;
use crate::domain::session::Session;

/// The columns of a policy; a session has more.
const POLICY_COLUMNS: usize = 4;

impl Tx {
    /// The policy in force for a user, and the sessions that have not been ended, oldest first, some of which may be
    /// past their expiry. They are held against other writers until the end of the transaction; the user is held
    /// before.
    pub async fn lock_seats(&mut self, user: UserId) -> Result<(Policy, Vec<Session>)> {
        let statements = [
            OF_USER.to_owned(),
            format!(
                "SELECT {COLUMNS} FROM sessions s WHERE ended_at IS NULL AND user_id = $1 ORDER BY id{}",
                self.to_hold()
            ),
        ];
        let (mut policies, mut sessions) = (Vec::new(), Vec::new());
        rows_in_one_way!(self, statements, |query| query.bind(user.0), |row| {
            if row.len() == POLICY_COLUMNS {
                policies.push(PolicyRow::from_row(row)?);
            } else {
                sessions.push(Session::try_from(SessionRow::from_row(row)?)?);
            }
        });
        sessions.sort_by_key(|session: &Session| session.fence);
        Ok((choose(policies)?, sessions))
    }
}
