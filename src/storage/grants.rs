//! What a token is issued by: a session, its user and the head of the log, read at once from `sessions`, `users` and
//! `log_head`.

use sqlx::QueryBuilder;

use super::Result;
use super::refresh::RefreshState;
use super::row::{seq, user_status};
use super::sessions::{COLUMNS, SessionRow};
use super::tx::{Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Seq, SessionId};
use crate::domain::session::Session;
use crate::domain::user::User;

/// What a token is issued by, but for the rights.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The session.
    pub session: Session,
    /// Where it stands in the chain of its refresh tokens.
    pub state: RefreshState,
    /// Whose it is; none where the user is gone.
    pub user: Option<User>,
    /// The head of the log. What is read after this is not older.
    pub head: Seq,
}

#[derive(sqlx::FromRow)]
struct GrantRow {
    #[sqlx(flatten)]
    session: SessionRow,
    username: Option<String>,
    display_name: Option<String>,
    external_id: Option<String>,
    status: Option<String>,
    joined_at: Option<i64>,
    head: i64,
}

impl GrantRow {
    fn read(self) -> Result<Grant> {
        let (session, state) = self.session.read()?;
        let known = self.username.zip(self.display_name);
        let user = match known.zip(self.status).zip(self.joined_at) {
            Some((((username, display_name), status), joined_at)) => Some(User {
                id: session.user_id,
                username,
                display_name,
                external_id: self.external_id,
                status: user_status(&status)?,
                created_at: Timestamp::from_millis(joined_at),
            }),
            None => None,
        };
        Ok(Grant {
            session,
            state,
            user,
            head: seq(self.head),
        })
    }
}

impl Tx {
    /// What a token of this session is issued by. In the model: `ReadHead`.
    pub async fn find_grant(&mut self, id: SessionId) -> Result<Option<Grant>> {
        let row: Option<GrantRow> = on_either!(self, |c| {
            let mut query = QueryBuilder::new(format!(
                "SELECT {COLUMNS}, u.username, u.display_name, u.external_id, u.status, \
                 u.created_at AS joined_at, (SELECT seq FROM log_head WHERE id = 1) AS head \
                 FROM sessions s LEFT JOIN users u ON u.id = s.user_id WHERE s.id = "
            ));
            query.push_bind(id.0);
            query.build_query_as().fetch_optional(c).await
        })?;
        row.map(GrantRow::read).transpose()
    }
}
