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

/// Whom a statement is about: the user who is its value; the same where a sign-in elsewhere is its value besides; whoever
/// has the identity of that.
const THE_USER: &str = "$1";
const THE_USER_WHO_COMES: &str = "$4";
const WHOSE_IDENTITY: &str = "(SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2)";

/// The columns of an end, a policy and a user; a session has more.
const END_COLUMNS: usize = 3;
const POLICY_COLUMNS: usize = 4;
const USER_COLUMNS: usize = 7;

/// By what it is asked, and what came of it.
#[derive(Default)]
struct Asked<'a> {
    user: Option<UserId>,
    foreign: Option<&'a ForeignSession>,
    found: Option<UserRow>,
    policies: Vec<PolicyRow>,
    sessions: Vec<Session>,
    ends: ForeignEnds,
}

impl Asked<'_> {
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
            USER_COLUMNS => self.found = Some(UserRow::from_row(row)?),
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
    /// The seats of a user, held against other writers until the end of the transaction; the user is held before.
    pub async fn lock_seats(
        &mut self,
        user: UserId,
        foreign: Option<&ForeignSession>,
    ) -> Result<Seats> {
        let mut asked = Asked {
            user: Some(user),
            foreign,
            ..Asked::default()
        };
        let whom = foreign.map_or(THE_USER, |_| THE_USER_WHO_COMES);
        let statements = self.seats(whom, foreign);
        self.ask(&mut asked, statements).await?;
        asked.seats()
    }

    /// The same, with the user. In the model: `Look`.
    pub async fn lock_entrance(&mut self, user: UserId) -> Result<Option<Entrance>> {
        let asked = Asked {
            user: Some(user),
            ..Asked::default()
        };
        self.find_entrance(THE_USER, asked).await
    }

    /// The same of whoever has the identity of a sign-in elsewhere, which is held before.
    pub async fn lock_entrance_by(&mut self, foreign: &ForeignSession) -> Result<Option<Entrance>> {
        let asked = Asked {
            foreign: Some(foreign),
            ..Asked::default()
        };
        self.find_entrance(WHOSE_IDENTITY, asked).await
    }

    async fn find_entrance(
        &mut self,
        whom: &str,
        mut asked: Asked<'_>,
    ) -> Result<Option<Entrance>> {
        let mut statements = vec![self.to_hold_user(whom)];
        let mut seats = self.seats(whom, asked.foreign);
        if self.takes_several() {
            statements.append(&mut seats);
        }
        self.ask(&mut asked, statements).await?;
        let Some(row) = asked.found.take() else {
            return Ok(None);
        };
        let (user, password_hash) = row.read()?;
        self.ask(&mut asked, seats).await?;
        Ok(Some(Entrance {
            user,
            password_hash,
            seats: asked.seats()?,
        }))
    }

    fn seats(&self, whom: &str, foreign: Option<&ForeignSession>) -> Vec<String> {
        let how = self.to_hold();
        let sessions = format!(
            "SELECT {COLUMNS} FROM sessions s WHERE ended_at IS NULL AND user_id = {whom} ORDER BY id{how}"
        );
        let ends = foreign.map(|_| ENDS.to_owned());
        [of_user(whom), sessions].into_iter().chain(ends).collect()
    }

    async fn ask(&mut self, asked: &mut Asked<'_>, statements: Vec<String>) -> Result<()> {
        if statements.is_empty() {
            return Ok(());
        }
        let user = asked.user.map(|user| user.0);
        match asked.foreign {
            None => rows_in_one_way!(self, statements, |query| query.bind(user), |row| {
                asked.add(row)?;
            }),
            Some(foreign) => rows_in_one_way!(
                self,
                statements,
                |query| {
                    query
                        .bind(&foreign.identity.issuer)
                        .bind(&foreign.identity.subject)
                        .bind(foreign.key.as_str())
                        .bind(user)
                },
                |row| asked.add(row)?
            ),
        }
        Ok(())
    }
}
