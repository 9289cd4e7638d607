//! What a newcomer meets at the door, read one way from `users`, `policies` and `sessions`: the rules, and who has the
//! seats.

use sqlx::{FromRow as _, Row as _};

use super::Result;
use super::policies::{OF_USER, PolicyRow, choose};
use super::sessions::{COLUMNS, SessionRow};
use super::tx::{Tx, rows_in_one_way};
use super::users::UserRow;
use crate::domain::id::UserId;
use crate::domain::policy::Policy;
use crate::domain::session::Session;
use crate::domain::user::User;

/// The rules, and who has the seats.
#[derive(Clone, Debug)]
pub struct Seats {
    /// The policy in force.
    pub policy: Policy,
    /// The sessions that have not been ended, oldest first. Some may be past their expiry.
    pub sessions: Vec<Session>,
}

/// A user at the door.
#[derive(Clone, Debug)]
pub struct Entrance {
    /// Who.
    pub user: User,
    /// The hash of the password.
    pub password_hash: Option<String>,
    /// What the user meets.
    pub seats: Seats,
}

/// The columns of a policy and of a user; a session has more.
const POLICY_COLUMNS: usize = 4;
const USER_COLUMNS: usize = 7;

impl Tx {
    /// The seats of a user, held against other writers until the end of the transaction; the user is held before.
    pub async fn lock_seats(&mut self, user: UserId) -> Result<Seats> {
        let statements = self.seats().to_vec();
        Ok(self.read_seats(user, statements).await?.1)
    }

    /// The same, with the user. In the model: `Look`.
    pub async fn lock_entrance(&mut self, user: UserId) -> Result<Option<Entrance>> {
        let [policies, sessions] = self.seats();
        let statements = vec![self.to_hold_user(), policies, sessions];
        let (row, seats) = self.read_seats(user, statements).await?;
        let Some(row) = row else { return Ok(None) };
        let (user, password_hash) = row.read()?;
        Ok(Some(Entrance {
            user,
            password_hash,
            seats,
        }))
    }

    fn seats(&self) -> [String; 2] {
        let how = self.to_hold();
        let sessions = format!(
            "SELECT {COLUMNS} FROM sessions s WHERE ended_at IS NULL AND user_id = $1 ORDER BY id{how}"
        );
        [OF_USER.to_owned(), sessions]
    }

    async fn read_seats(
        &mut self,
        user: UserId,
        statements: Vec<String>,
    ) -> Result<(Option<UserRow>, Seats)> {
        let (mut found, mut policies, mut sessions) = (None, Vec::new(), Vec::new());
        rows_in_one_way!(self, statements, |query| query.bind(user.0), |row| {
            match row.len() {
                USER_COLUMNS => found = Some(UserRow::from_row(row)?),
                POLICY_COLUMNS => policies.push(PolicyRow::from_row(row)?),
                _ => sessions.push(Session::try_from(SessionRow::from_row(row)?)?),
            }
        });
        sessions.sort_by_key(|session: &Session| session.fence);
        let policy = choose(policies)?;
        Ok((found, Seats { policy, sessions }))
    }
}
