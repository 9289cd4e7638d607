//! What a token is issued by, read one way: a session, its user and the head of the log, from `sessions`, `users` and
//! `log_head`; and then the user's rights, from `memberships`, `groups` and `group_permissions`.

use sqlx::{FromRow as _, Row as _};

use super::Result;
use super::refresh::RefreshState;
use super::row::{seq, user_status};
use super::sessions::{COLUMNS, SessionRow};
use super::tx::{Tx, rows_in_one_way};
use crate::domain::clock::Timestamp;
use crate::domain::id::{Seq, SessionId};
use crate::domain::session::Session;
use crate::domain::standing::Rights;
use crate::domain::user::User;

/// The rights of a session's user: one of the groups, and one of the group's permissions.
const RIGHTS: &str = "SELECT g.name, p.permission FROM sessions s \
     JOIN memberships m ON m.user_id = s.user_id JOIN groups g ON g.id = m.group_id \
     LEFT JOIN group_permissions p ON p.group_id = g.id WHERE s.id = $1";
type RightRow = (String, Option<String>);
/// Its columns; a session has more.
const RIGHT_COLUMNS: usize = 2;

/// What a token is issued by.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The session.
    pub session: Session,
    /// Where it stands in the chain of its refresh tokens.
    pub state: RefreshState,
    /// Whose it is; none where the user is gone.
    pub user: Option<User>,
    /// The head of the log, read before the rights, so that it is never later than they are.
    pub head: Seq,
    /// What the user may do.
    pub rights: Rights,
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
            rights: Rights::default(),
        })
    }
}

impl Tx {
    /// What a token of this session is issued by.
    pub async fn find_grant(&mut self, id: SessionId) -> Result<Option<Grant>> {
        let statements = [
            // In the model: `ReadHead`.
            format!(
                "SELECT {COLUMNS}, u.username, u.display_name, u.external_id, u.status, \
                 u.created_at AS joined_at, (SELECT seq FROM log_head WHERE id = 1) AS head \
                 FROM sessions s LEFT JOIN users u ON u.id = s.user_id WHERE s.id = $1"
            ),
            // In the model: `ReadRights`.
            RIGHTS.to_owned(),
        ];
        let (mut grant, mut rights) = (None, Rights::default());
        rows_in_one_way!(self, statements, |query| query.bind(id.0), |row| {
            if row.len() == RIGHT_COLUMNS {
                let (group, permission) = RightRow::from_row(row)?;
                rights.groups.insert(group);
                rights.permissions.extend(permission);
            } else {
                grant = Some(GrantRow::from_row(row)?.read()?);
            }
        });
        Ok(grant.map(|grant| Grant { rights, ..grant }))
    }
}
