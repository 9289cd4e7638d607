//! Table `sessions`.

use sqlx::{Database, QueryBuilder};
use uuid::Uuid;

use super::refresh::RefreshState;
use super::row::{corrupt, platform, position, seconds, seq};
use super::tx::{Done, Tx, in_one_way, on_either};
use super::{Error, Result};
use crate::domain::Reason;
use crate::domain::access::InitiatingEntity;
use crate::domain::clock::Timestamp;
use crate::domain::device::{Device, DeviceLabel};
use crate::domain::id::{DeviceId, SessionId, UserId};
use crate::domain::issuer::ForeignSession;
use crate::domain::policy::Lifetimes;
use crate::domain::session::{Session, SessionEnd};

/// The columns of a session, of a table that is called `s`.
pub(super) const COLUMNS: &str = "s.id, s.user_id, s.device_id, s.device_name, s.platform, s.fence, \
     s.created_at, s.last_active_at, s.expires_at, s.remembered, s.idle_timeout_s, s.max_age_s, \
     s.sign_in_max_age_s, s.address, s.user_agent, s.jkt, s.generation, s.rotated_at, s.presented, \
     s.binding, s.ended_seq, s.ended_at, s.end_reason, s.ended_by, s.replaced_by_name, \
     s.replaced_by_platform, (SELECT f.signed_in_at FROM foreign_sessions f \
     WHERE f.session_id = s.id) AS signed_in_elsewhere_at";

#[derive(sqlx::FromRow)]
pub(super) struct SessionRow {
    id: Uuid,
    user_id: Uuid,
    device_id: Uuid,
    device_name: String,
    platform: String,
    fence: i64,
    created_at: i64,
    last_active_at: i64,
    expires_at: i64,
    remembered: bool,
    idle_timeout_s: Option<i64>,
    max_age_s: Option<i64>,
    sign_in_max_age_s: Option<i64>,
    address: Option<String>,
    user_agent: Option<String>,
    jkt: Option<String>,
    generation: i64,
    rotated_at: i64,
    presented: bool,
    binding: Option<String>,
    ended_seq: Option<i64>,
    ended_at: Option<i64>,
    end_reason: Option<String>,
    ended_by: Option<String>,
    replaced_by_name: Option<String>,
    replaced_by_platform: Option<String>,
    signed_in_elsewhere_at: Option<i64>,
}

/// Which sessions are wanted.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Those of this user.
    pub user_id: Option<UserId>,
    /// Those on this device.
    pub device_id: Option<DeviceId>,
    /// Those that live at this moment, or those that don't.
    pub live_at: Option<(bool, Timestamp)>,
}

impl TryFrom<SessionRow> for Session {
    type Error = Error;

    fn try_from(row: SessionRow) -> Result<Self> {
        let end = read_end(&row)?;
        Ok(Self {
            id: SessionId(row.id),
            user_id: UserId(row.user_id),
            device: Device {
                id: DeviceId(row.device_id),
                name: row.device_name,
                platform: platform("sessions", &row.platform)?,
            },
            fence: seq(row.fence),
            created_at: Timestamp::from_millis(row.created_at),
            signed_in_at: row.signed_in_elsewhere_at.map_or(
                Timestamp::from_millis(row.created_at),
                Timestamp::from_seconds,
            ),
            last_active_at: Timestamp::from_millis(row.last_active_at),
            expires_at: Timestamp::from_millis(row.expires_at),
            remembered: row.remembered,
            lifetimes: Lifetimes {
                idle_timeout_s: seconds(row.idle_timeout_s),
                max_age_s: seconds(row.max_age_s),
                sign_in_max_age_s: seconds(row.sign_in_max_age_s),
            },
            address: row.address,
            user_agent: row.user_agent,
            jkt: row.jkt,
            end,
        })
    }
}

fn read_end(row: &SessionRow) -> Result<Option<SessionEnd>> {
    let (Some(at), Some(reason), Some(by)) = (row.ended_at, &row.end_reason, &row.ended_by) else {
        return Ok(None);
    };
    let initiating_entity: InitiatingEntity =
        serde_json::from_value(by.as_str().into()).map_err(|_| corrupt("sessions"))?;
    let replaced_by = match (&row.replaced_by_name, &row.replaced_by_platform) {
        (Some(name), Some(text)) => Some(DeviceLabel {
            device_name: name.clone(),
            platform: platform("sessions", text)?,
        }),
        _ => None,
    };
    Ok(Some(SessionEnd {
        seq: seq(row.ended_seq.unwrap_or(0)),
        at: Timestamp::from_millis(at),
        reason: reason.parse::<Reason>().map_err(|_| corrupt("sessions"))?,
        initiating_entity,
        replaced_by,
    }))
}

fn select<D: Database>() -> QueryBuilder<D>
where
    D::Arguments: Default,
{
    QueryBuilder::new(format!("SELECT {COLUMNS} FROM sessions s "))
}

impl SessionRow {
    /// With the state of the refresh tokens.
    pub(super) fn read(self) -> Result<(Session, RefreshState)> {
        let binding = self.binding.as_deref().map(str::parse).transpose();
        let state = RefreshState {
            generation: u32::try_from(self.generation).map_err(|_| corrupt("sessions"))?,
            rotated_at: Timestamp::from_millis(self.rotated_at),
            presented: self.presented,
            binding: binding.map_err(|_| corrupt("sessions"))?,
        };
        Ok((Session::try_from(self)?, state))
    }
}

impl Tx {
    /// Adds a session, and of which sign-in elsewhere it came, and notes its device, with the name and platform that it
    /// gives itself now. The session's fence follows at the commit.
    pub async fn insert_session(
        &mut self,
        session: &Session,
        foreign: Option<&ForeignSession>,
    ) -> Result<()> {
        const DEVICE: &str = "INSERT INTO devices (user_id, id, name, platform, first_seen_at, \
             last_seen_at) VALUES ($2, $3, $4, $5, $7, $7) ON CONFLICT (user_id, id) DO UPDATE SET \
             name = excluded.name, platform = excluded.platform, last_seen_at = excluded.last_seen_at";
        const SESSION: &str = "INSERT INTO sessions (id, user_id, device_id, device_name, platform, \
             fence, created_at, last_active_at, expires_at, remembered, idle_timeout_s, max_age_s, \
             address, user_agent, generation, rotated_at, presented, sign_in_max_age_s, jkt) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1, $7, $15, $16, $17)";
        const FOREIGN: &str = "INSERT INTO foreign_sessions (session_id, issuer, subject, \
             session_key, signed_in_at) VALUES ($1, $18, $19, $20, $21)";
        let statements: &[&str] = match foreign {
            None => &[DEVICE, SESSION],
            Some(_) => &[DEVICE, SESSION, FOREIGN],
        };
        in_one_way!(self, statements, |query| {
            query
                .bind(session.id.0)
                .bind(session.user_id.0)
                .bind(session.device.id.0)
                .bind(&session.device.name)
                .bind(session.device.platform.as_str())
                .bind(position(session.fence))
                .bind(session.created_at.as_millis())
                .bind(session.last_active_at.as_millis())
                .bind(session.expires_at.as_millis())
                .bind(session.remembered)
                .bind(session.lifetimes.idle_timeout_s.map(i64::from))
                .bind(session.lifetimes.max_age_s.map(i64::from))
                .bind(&session.address)
                .bind(&session.user_agent)
                .bind(false)
                .bind(session.lifetimes.sign_in_max_age_s.map(i64::from))
                .bind(&session.jkt)
                .bind(foreign.map(|it| &it.identity.issuer))
                .bind(foreign.map(|it| &it.identity.subject))
                .bind(foreign.map(|it| it.key.as_str()))
                .bind(foreign.map(|it| it.signed_in_at))
        });
        Ok(())
    }

    /// A session.
    pub async fn find_session(&mut self, id: SessionId) -> Result<Option<Session>> {
        let found = self.read_session(id, "").await?;
        Ok(found.map(|(session, _)| session))
    }

    /// A session and the state of its refresh tokens, held against other writers until the end of the transaction.
    pub async fn lock_session(&mut self, id: SessionId) -> Result<Option<(Session, RefreshState)>> {
        self.read_session(id, self.to_hold()).await
    }

    async fn read_session(
        &mut self,
        id: SessionId,
        how: &'static str,
    ) -> Result<Option<(Session, RefreshState)>> {
        let row: Option<SessionRow> = on_either!(self, |c| {
            let mut query = select();
            query.push("WHERE id = ").push_bind(id.0).push(how);
            query.build_query_as().fetch_optional(c).await
        })?;
        row.map(SessionRow::read).transpose()
    }

    /// A user's sessions that have not been ended, oldest first. Some may be past their expiry.
    pub async fn list_unended_sessions(&mut self, user: UserId) -> Result<Vec<Session>> {
        let rows: Vec<SessionRow> = on_either!(self, |c| {
            let mut query = select();
            query
                .push("WHERE ended_at IS NULL AND user_id = ")
                .push_bind(user.0);
            query.push(" ORDER BY fence");
            query.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// The same, held against other writers until the end of the transaction; the user is held before.
    pub async fn lock_unended_sessions(&mut self, user: UserId) -> Result<Vec<Session>> {
        let how = self.to_hold();
        let rows: Vec<SessionRow> = on_either!(self, |c| {
            let mut query = select();
            query
                .push("WHERE ended_at IS NULL AND user_id = ")
                .push_bind(user.0);
            query.push(" ORDER BY id").push(how);
            query.build_query_as().fetch_all(c).await
        })?;
        let read: Result<Vec<_>> = rows.into_iter().map(Session::try_from).collect();
        let mut sessions = read?;
        sessions.sort_by_key(|session| session.fence);
        Ok(sessions)
    }

    /// Everybody's sessions that have not been ended, in order of id.
    pub async fn list_all_unended_sessions(
        &mut self,
        after: SessionId,
        limit: u32,
    ) -> Result<Vec<Session>> {
        let rows: Vec<SessionRow> = on_either!(self, |c| {
            let mut query = select();
            query
                .push("WHERE ended_at IS NULL AND id > ")
                .push_bind(after.0);
            query
                .push(" ORDER BY id LIMIT ")
                .push_bind(i64::from(limit));
            query.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Sessions in order of id.
    pub async fn list_sessions(
        &mut self,
        filter: &SessionFilter,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Session>> {
        let rows: Vec<SessionRow> = on_either!(self, |c| {
            let mut query = select();
            query
                .push("WHERE id > ")
                .push_bind(after.unwrap_or_default());
            if let Some(user) = filter.user_id {
                query.push(" AND user_id = ").push_bind(user.0);
            }
            if let Some(device) = filter.device_id {
                query.push(" AND device_id = ").push_bind(device.0);
            }
            match filter.live_at {
                Some((true, now)) => {
                    query
                        .push(" AND ended_at IS NULL AND expires_at > ")
                        .push_bind(now.as_millis());
                }
                Some((false, now)) => {
                    query.push(" AND (ended_at IS NOT NULL OR expires_at <= ");
                    query.push_bind(now.as_millis()).push(")");
                }
                None => {}
            }
            query
                .push(" ORDER BY id LIMIT ")
                .push_bind(i64::from(limit));
            query.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Sessions whose time is over and that have not been ended yet.
    pub async fn list_expired_sessions(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Session>> {
        let rows: Vec<SessionRow> = on_either!(self, |c| {
            let mut query = select();
            query
                .push("WHERE ended_at IS NULL AND expires_at <= ")
                .push_bind(now.as_millis());
            query
                .push(" ORDER BY expires_at LIMIT ")
                .push_bind(i64::from(limit));
            query.build_query_as().fetch_all(c).await
        })?;
        rows.into_iter().map(Session::try_from).collect()
    }

    /// Users who hold a session that has not been ended, in order of id.
    pub async fn list_users_with_sessions(&mut self) -> Result<Vec<UserId>> {
        const SQL: &str =
            "SELECT DISTINCT user_id FROM sessions WHERE ended_at IS NULL ORDER BY user_id";
        let ids: Vec<Uuid> = on_either!(self, |c| sqlx::query_scalar(SQL).fetch_all(c).await)?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Ends a session unless it has ended before: the first writer's reason stands. The sign-in that it came of
    /// goes on at its issuer, and is over here. The position follows at the commit.
    pub async fn end_session(&mut self, id: SessionId, end: &SessionEnd) -> Result<bool> {
        const FOREIGN: &str = "INSERT INTO foreign_ends (issuer, subject, session_key, ended_at, reason) \
             SELECT f.issuer, f.subject, f.session_key, $2, $3 FROM foreign_sessions f \
             JOIN sessions s ON s.id = f.session_id WHERE s.id = $1 AND s.ended_at IS NULL \
             ON CONFLICT (issuer, subject, session_key) \
             DO UPDATE SET ended_at = excluded.ended_at, reason = excluded.reason";
        const SESSION: &str = "UPDATE sessions SET ended_at = $2, end_reason = $3, ended_by = $4, \
             replaced_by_name = $5, replaced_by_platform = $6 WHERE id = $1 AND ended_at IS NULL \
             RETURNING id";
        let replaced_by = end.replaced_by.as_ref();
        let ended = in_one_way!(self, &[FOREIGN, SESSION], |query| {
            query
                .bind(id.0)
                .bind(end.at.as_millis())
                .bind(end.reason.as_str())
                .bind(end.initiating_entity.as_str())
                .bind(replaced_by.map(|device| device.device_name.as_str()))
                .bind(replaced_by.map(|device| device.platform.as_str()))
        });
        Ok(ended > 0)
    }

    /// Writes when a session was last used, the rules it lives by and when it ends by itself.
    pub async fn update_session_life(&mut self, session: &Session) -> Result<()> {
        const SQL: &str = "UPDATE sessions SET last_active_at = $2, expires_at = $3, \
             idle_timeout_s = $4, max_age_s = $5, sign_in_max_age_s = $6 WHERE id = $1 AND ended_at IS NULL";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(session.id.0)
                .bind(session.last_active_at.as_millis())
                .bind(session.expires_at.as_millis())
                .bind(session.lifetimes.idle_timeout_s.map(i64::from))
                .bind(session.lifetimes.max_age_s.map(i64::from))
                .bind(session.lifetimes.sign_in_max_age_s.map(i64::from))
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Forgets ended sessions of which no refresh token could still be alive.
    pub async fn forget_sessions(&mut self, now: Timestamp, limit: u32) -> Result<u64> {
        const SQL: &str = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions \
             WHERE ended_at IS NOT NULL AND expires_at < $1 LIMIT $2)";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(now.as_millis())
                .bind(i64::from(limit))
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected())
    }
}
