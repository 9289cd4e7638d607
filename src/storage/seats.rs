//! What a newcomer meets at the door, read one way from `users`, `policies`, `sessions` and `foreign_ends`: the rules, who
//! has the seats, and what ended the sign-in elsewhere that they come by.

use sqlx::{FromRow, Row};

use super::Result;
use super::identities::{ENDS, EndRow, ForeignEnds};
use super::policies::{PolicyRow, choose, of_user};
use super::sessions::{COLUMNS, SessionRow};
use super::tx::{Tx, rows_in_one_way};
use super::users::UserRow;
use crate::domain::id::UserId;
use crate::domain::issuer::ForeignSession;
use crate::domain::policy::Policy;
use crate::domain::session::Session;
use crate::domain::user::User;

/// The rules, and what may stand in the way.
#[derive(Clone, Debug)]
pub struct Seats {
    /// The policy in force.
    pub policy: Policy,
    /// The sessions that have not been ended, oldest first. Some may be past their expiry.
    pub sessions: Vec<Session>,
    /// Ends of the sign-in elsewhere that somebody comes by.
    pub ends: ForeignEnds,
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

/// Who is asked about. Whoever comes by a sign-in elsewhere brings its values besides: the statements have another text then,
/// since PostgreSQL keeps one by its text, with as many values as it had the first time.
#[derive(Clone, Copy)]
enum Whom<'a> {
    User(UserId),
    UserBy(UserId, &'a ForeignSession),
    WhoeverIs(&'a ForeignSession),
}

/// The columns of an end, a policy and a user; a session has more.
const END_COLUMNS: usize = 3;
const POLICY_COLUMNS: usize = 4;
const USER_COLUMNS: usize = 7;

/// What was found.
#[derive(Default)]
struct Met {
    user: Option<UserRow>,
    policies: Vec<PolicyRow>,
    sessions: Vec<Session>,
    ends: ForeignEnds,
}

impl Whom<'_> {
    /// An expression for the id.
    fn id(self) -> &'static str {
        match self {
            Self::User(_) => "$1",
            Self::UserBy(..) => "$4",
            Self::WhoeverIs(_) => {
                "(SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2)"
            }
        }
    }
}

impl Met {
    fn add<'r, R>(&mut self, row: &'r R) -> Result<()>
    where
        R: Row,
        EndRow: FromRow<'r, R>,
        PolicyRow: FromRow<'r, R>,
        UserRow: FromRow<'r, R>,
        SessionRow: FromRow<'r, R>,
    {
        match row.len() {
            END_COLUMNS => self.ends.add(EndRow::from_row(row)?)?,
            POLICY_COLUMNS => self.policies.push(PolicyRow::from_row(row)?),
            USER_COLUMNS => self.user = Some(UserRow::from_row(row)?),
            _ => self.sessions.push(SessionRow::from_row(row)?.try_into()?),
        }
        Ok(())
    }

    fn seats(self) -> Result<Seats> {
        let mut sessions = self.sessions;
        sessions.sort_by_key(|session| session.fence);
        Ok(Seats {
            policy: choose(self.policies)?,
            sessions,
            ends: self.ends,
        })
    }
}

impl Tx {
    /// The seats of a user, and what ended the sign-in elsewhere that they come by, held against other writers until the
    /// end of the transaction; the user is held before.
    pub async fn lock_seats(
        &mut self,
        user: UserId,
        foreign: Option<&ForeignSession>,
    ) -> Result<Seats> {
        let whom = foreign.map_or(Whom::User(user), |foreign| Whom::UserBy(user, foreign));
        let mut met = Met::default();
        self.meet(&mut met, whom, self.seats(whom)).await?;
        met.seats()
    }

    /// The same, with the user. In the model: `Look`.
    pub async fn lock_entrance(&mut self, user: UserId) -> Result<Option<Entrance>> {
        self.find_entrance(Whom::User(user)).await
    }

    /// The same of whoever has the identity of a sign-in elsewhere, which is held before.
    pub async fn lock_entrance_by(&mut self, foreign: &ForeignSession) -> Result<Option<Entrance>> {
        self.find_entrance(Whom::WhoeverIs(foreign)).await
    }

    async fn find_entrance(&mut self, whom: Whom<'_>) -> Result<Option<Entrance>> {
        let mut met = Met::default();
        let mut statements = vec![self.to_hold_user(whom.id())];
        let mut seats = self.seats(whom);
        if self.takes_several() {
            statements.append(&mut seats);
        }
        self.meet(&mut met, whom, statements).await?;
        let Some(row) = met.user.take() else {
            return Ok(None);
        };
        let (user, password_hash) = row.read()?;
        if !seats.is_empty() {
            self.meet(&mut met, whom, seats).await?;
        }
        Ok(Some(Entrance {
            user,
            password_hash,
            seats: met.seats()?,
        }))
    }

    fn seats(&self, whom: Whom<'_>) -> Vec<String> {
        let (id, how) = (whom.id(), self.to_hold());
        let sessions = format!(
            "SELECT {COLUMNS} FROM sessions s WHERE ended_at IS NULL AND user_id = {id} ORDER BY id{how}"
        );
        let mut statements = vec![of_user(id), sessions];
        match whom {
            Whom::User(_) => {}
            Whom::UserBy(..) | Whom::WhoeverIs(_) => statements.push(ENDS.to_owned()),
        }
        statements
    }

    async fn meet(&mut self, met: &mut Met, whom: Whom<'_>, statements: Vec<String>) -> Result<()> {
        let (user, foreign) = match whom {
            Whom::User(user) => {
                rows_in_one_way!(self, statements, |query| query.bind(user.0), |row| {
                    met.add(row)?;
                });
                return Ok(());
            }
            Whom::UserBy(user, foreign) => (Some(user.0), foreign),
            Whom::WhoeverIs(foreign) => (None, foreign),
        };
        rows_in_one_way!(
            self,
            statements,
            |query| {
                query
                    .bind(&foreign.identity.issuer)
                    .bind(&foreign.identity.subject)
                    .bind(foreign.key.as_str())
                    .bind(user)
            },
            |row| met.add(row)?
        );
        Ok(())
    }
}
