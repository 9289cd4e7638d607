//! Table `takeovers`: newcomers who wait at the door, with a takeover token or for an answer.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Result;
use super::row::corrupt;
use super::tx::{Done, Tx, on_either};
use crate::domain::clock::Timestamp;
use crate::domain::device::Device;
use crate::domain::id::{SessionId, TakeoverRequestId, UserId};
use crate::domain::issuer::ForeignSession;
use crate::domain::secret::BearerHash;

/// Who waits, as proven by the sign-in that brought the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Newcomer {
    /// The device to sign in on.
    pub device: Device,
    /// Whether to be remembered.
    pub remember_me: bool,
    /// From where.
    pub address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// By which sign-in elsewhere; none where it was a password's.
    #[serde(default)]
    pub foreign: Option<ForeignSession>,
    /// The thumbprint of the key that the session is to be bound to, if any.
    #[serde(default)]
    pub jkt: Option<String>,
}

/// What the token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeoverKind {
    /// Its holder may take the seat.
    Ask,
    /// The devices in the way decide.
    Approve,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeoverState {
    /// Not used, or not answered.
    Open,
    /// The seat was given.
    Allowed,
    /// The seat was refused.
    Denied,
}

/// A newcomer who waits.
#[derive(Clone, Debug)]
pub struct TakeoverRow {
    /// The id that the asked devices see.
    pub id: TakeoverRequestId,
    /// Whose session it is to be.
    pub user_id: UserId,
    /// What the token is for.
    pub kind: TakeoverKind,
    /// How far it has come.
    pub state: TakeoverState,
    /// Who waits.
    pub newcomer: Newcomer,
    /// The sessions that were asked.
    pub in_the_way: Vec<SessionId>,
    /// Until when it can be used or answered.
    pub expires_at: Timestamp,
    /// Until when its outcome can be asked for.
    pub keep_until: Timestamp,
    /// The session that came of it.
    pub session_id: Option<SessionId>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    user_id: Uuid,
    kind: String,
    state: String,
    newcomer: String,
    in_the_way: String,
    expires_at: i64,
    keep_until: i64,
    session_id: Option<Uuid>,
}

impl TryFrom<Row> for TakeoverRow {
    type Error = super::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: TakeoverRequestId(row.id),
            user_id: UserId(row.user_id),
            kind: parse(&row.kind)?,
            state: parse(&row.state)?,
            newcomer: parse(&row.newcomer)?,
            in_the_way: parse(&row.in_the_way)?,
            expires_at: Timestamp::from_millis(row.expires_at),
            keep_until: Timestamp::from_millis(row.keep_until),
            session_id: row.session_id.map(SessionId),
        })
    }
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| corrupt("takeovers"))
}

fn write<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|_| corrupt("takeovers"))
}

impl Tx {
    /// Adds a newcomer who waits.
    pub async fn insert_takeover(&mut self, hash: BearerHash, row: &TakeoverRow) -> Result<()> {
        const SQL: &str = "INSERT INTO takeovers (id, token_hash, user_id, kind, state, newcomer, \
             in_the_way, expires_at, keep_until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let (kind, state) = (write(&row.kind)?, write(&row.state)?);
        let (newcomer, in_the_way) = (write(&row.newcomer)?, write(&row.in_the_way)?);
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(row.id.0)
                .bind(hash.0.as_slice())
                .bind(row.user_id.0)
                .bind(kind)
                .bind(state)
                .bind(newcomer)
                .bind(in_the_way)
                .bind(row.expires_at.as_millis())
                .bind(row.keep_until.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// A newcomer by the token.
    pub async fn find_takeover_by_token(
        &mut self,
        hash: BearerHash,
    ) -> Result<Option<TakeoverRow>> {
        const SQL: &str = "SELECT id, user_id, kind, state, newcomer, in_the_way, expires_at, \
             keep_until, session_id FROM takeovers WHERE token_hash = $1";
        let row: Option<Row> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(hash.0.as_slice())
                .fetch_optional(c)
                .await
        })?;
        row.map(TakeoverRow::try_from).transpose()
    }

    /// A newcomer by the id that the asked devices see.
    pub async fn find_takeover(&mut self, id: TakeoverRequestId) -> Result<Option<TakeoverRow>> {
        const SQL: &str = "SELECT id, user_id, kind, state, newcomer, in_the_way, expires_at, \
             keep_until, session_id FROM takeovers WHERE id = $1";
        let row: Option<Row> = on_either!(self, |c| sqlx::query_as(SQL)
            .bind(id.0)
            .fetch_optional(c)
            .await)?;
        row.map(TakeoverRow::try_from).transpose()
    }

    /// Writes the outcome, unless there is one: the first answer decides.
    pub async fn decide_takeover(
        &mut self,
        id: TakeoverRequestId,
        state: TakeoverState,
        session: Option<SessionId>,
    ) -> Result<bool> {
        const SQL: &str = "UPDATE takeovers SET state = $2, session_id = $3 \
             WHERE id = $1 AND state = $4";
        let (new, open) = (write(&state)?, write(&TakeoverState::Open)?);
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(new)
                .bind(session.map(|session| session.0))
                .bind(open)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes a newcomer: the token is spent.
    pub async fn remove_takeover(&mut self, id: TakeoverRequestId) -> Result<bool> {
        const SQL: &str = "DELETE FROM takeovers WHERE id = $1";
        let done = on_either!(self, |c| sqlx::query(SQL)
            .bind(id.0)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(done.rows_affected() == 1)
    }

    /// Removes everybody who waits for a session of this user.
    pub async fn remove_takeovers_of(&mut self, user: UserId) -> Result<()> {
        const SQL: &str = "DELETE FROM takeovers WHERE user_id = $1";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(user.0)
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }

    /// Forgets newcomers of whom nobody will ask any more.
    pub async fn forget_takeovers(&mut self, now: Timestamp) -> Result<()> {
        const SQL: &str = "DELETE FROM takeovers WHERE keep_until < $1";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(now.as_millis())
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }
}
