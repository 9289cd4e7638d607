//! Tables `identities`, `foreign_sessions` and `foreign_ends`: people (with `users`, where they are new) and their sign-ins
//! at other issuers.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::row::corrupt;
use super::tx::{Done, Inner, Tx, in_one_way, on_either};
use crate::domain::Reason;
use crate::domain::clock::Timestamp;
use crate::domain::id::{SessionId, UserId};
use crate::domain::issuer::{ForeignSession, Identity, SessionKey};
use crate::domain::user::User;

/// What ended here and goes on at its issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForeignEnd {
    /// When it ended here.
    pub ended_at: Timestamp,
    /// Why.
    pub reason: Reason,
}

/// What stands in the way of a sign-in elsewhere.
#[derive(Clone, Debug, Default)]
pub struct ForeignEnds {
    /// Its own end.
    pub of_this: Option<ForeignEnd>,
    /// The ends of all of its identity, and of its session whoever that is of.
    pub of_more: Vec<ForeignEnd>,
}

/// The ends that stand in the way of a sign-in elsewhere, of the issuer `$1`, the subject `$2` and the session `$3`. An
/// issuer may have ended a session without saying whose it was.
pub(super) const ENDS: &str = "SELECT CAST(1 AS BIGINT), ended_at, reason FROM foreign_ends \
     WHERE issuer = $1 AND subject = $2 AND session_key = $3 \
     UNION ALL SELECT CAST(0 AS BIGINT), ended_at, reason FROM foreign_ends \
     WHERE issuer = $1 AND subject = $2 AND session_key = '' \
     UNION ALL SELECT CAST(0 AS BIGINT), ended_at, reason FROM foreign_ends \
     WHERE issuer = $1 AND subject = '' AND session_key = $3";

/// Whether it is the sign-in's own, when, and why.
pub(super) type EndRow = (i64, i64, String);

impl ForeignEnds {
    pub(super) fn add(&mut self, (of_this, ended_at, reason): EndRow) -> Result<()> {
        let end = ForeignEnd {
            ended_at: Timestamp::from_millis(ended_at),
            reason: reason.parse().map_err(|_| corrupt("foreign_ends"))?,
        };
        if of_this == 1 {
            self.of_this = Some(end);
        } else {
            self.of_more.push(end);
        }
        Ok(())
    }
}

impl Tx {
    /// Whose identity this is.
    pub async fn find_identity(&mut self, identity: &Identity) -> Result<Option<UserId>> {
        const SQL: &str = "SELECT user_id FROM identities WHERE issuer = $1 AND subject = $2";
        let user: Option<Uuid> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .fetch_optional(c)
                .await
        })?;
        Ok(user.map(UserId))
    }

    /// The identities of a user, in order, at most so many.
    pub async fn list_identities(&mut self, user: UserId, limit: u32) -> Result<Vec<Identity>> {
        const SQL: &str = "SELECT issuer, subject FROM identities WHERE user_id = $1 \
             ORDER BY issuer, subject LIMIT $2";
        let rows: Vec<(String, String)> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(user.0)
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        let identity = |(issuer, subject)| Identity { issuer, subject };
        Ok(rows.into_iter().map(identity).collect())
    }

    /// Links an identity to a user. It may be somebody's already.
    pub async fn insert_identity(
        &mut self,
        identity: &Identity,
        user: UserId,
        now: Timestamp,
    ) -> Result<()> {
        const SQL: &str = "INSERT INTO identities (issuer, subject, user_id, linked_at, claims_at) \
             VALUES ($1, $2, $3, $4, 0)";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .bind(user.0)
                .bind(now.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// Adds a user who is known by an identity, and by nothing else yet. Answers whether: the name may be somebody's.
    pub async fn insert_user_of(&mut self, user: &User, identity: &Identity) -> Result<bool> {
        let (answer, made) = match self.inner {
            Inner::Sqlite(_) => ("", "users WHERE id = $1"),
            Inner::Postgres(_) => (" RETURNING id", "part_0"),
        };
        let user_made = format!(
            "INSERT INTO users (id, username, display_name, status, created_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (username) DO NOTHING{answer}"
        );
        let identity_made = format!(
            "INSERT INTO identities (issuer, subject, user_id, linked_at, claims_at) \
             SELECT $6, $7, id, $5, 0 FROM {made} RETURNING subject"
        );
        let statements = [user_made.as_str(), &identity_made];
        let rows = in_one_way!(self, &statements, |query| {
            query
                .bind(user.id.0)
                .bind(&user.username)
                .bind(&user.display_name)
                .bind(user.status.as_str())
                .bind(user.created_at.as_millis())
                .bind(&identity.issuer)
                .bind(&identity.subject)
        });
        Ok(rows > 0)
    }

    /// Notes of a token that its groups are taken, unless those of one that was issued later were. Answers whether.
    pub async fn note_claims(&mut self, identity: &Identity, issued_at: i64) -> Result<bool> {
        const SQL: &str = "UPDATE identities SET claims_at = $3 \
             WHERE issuer = $1 AND subject = $2 AND claims_at <= $3";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .bind(issued_at)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected() > 0)
    }

    /// Unlinks an identity.
    pub async fn remove_identity(&mut self, identity: &Identity) -> Result<()> {
        const SQL: &str = "DELETE FROM identities WHERE issuer = $1 AND subject = $2";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// The session that came of a sign-in at an issuer and lives; of several the oldest.
    pub async fn find_live_foreign_session(
        &mut self,
        foreign: &ForeignSession,
        now: Timestamp,
    ) -> Result<Option<SessionId>> {
        const SQL: &str = "SELECT f.session_id FROM foreign_sessions f \
             JOIN sessions s ON s.id = f.session_id \
             WHERE f.issuer = $1 AND f.subject = $2 AND f.session_key = $3 \
             AND s.ended_at IS NULL AND s.expires_at > $4 ORDER BY f.session_id LIMIT 1";
        let id: Option<Uuid> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(&foreign.identity.issuer)
                .bind(&foreign.identity.subject)
                .bind(foreign.key.as_str())
                .bind(now.as_millis())
                .fetch_optional(c)
                .await
        })?;
        Ok(id.map(SessionId))
    }

    /// Sessions that came of this identity and have not been ended, in order of id.
    pub async fn list_sessions_of_identity(
        &mut self,
        identity: &Identity,
    ) -> Result<Vec<SessionId>> {
        const SQL: &str = "SELECT f.session_id FROM foreign_sessions f \
             JOIN sessions s ON s.id = f.session_id \
             WHERE f.issuer = $1 AND f.subject = $2 AND s.ended_at IS NULL ORDER BY f.session_id";
        let ids: Vec<Uuid> = on_either!(self, |c| {
            sqlx::query_scalar(SQL)
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .fetch_all(c)
                .await
        })?;
        Ok(ids.into_iter().map(SessionId).collect())
    }

    /// Every sign-in elsewhere is over here: of a user, or of everybody.
    pub async fn end_identities_of(&mut self, user: Option<UserId>, end: ForeignEnd) -> Result<()> {
        on_either!(self, |c| {
            let mut query = QueryBuilder::new(
                "INSERT INTO foreign_ends (issuer, subject, session_key, ended_at, reason) \
                 SELECT issuer, subject, '', ",
            );
            query.push_bind(end.ended_at.as_millis());
            query.push(", ").push_bind(end.reason.as_str());
            query.push(" FROM identities WHERE ");
            // One text for both would look at everybody's for the sake of one.
            match user {
                Some(user) => query.push("user_id = ").push_bind(user.0),
                None => query.push("TRUE"),
            };
            query.push(
                " ON CONFLICT (issuer, subject, session_key) \
                 DO UPDATE SET ended_at = excluded.ended_at, reason = excluded.reason",
            );
            query.build().execute(c).await.map(Done::from)
        })?;
        Ok(())
    }

    /// How a session at an issuer, or without a key the whole identity, ended here, or that it did not.
    pub async fn set_foreign_end(
        &mut self,
        identity: &Identity,
        key: Option<&SessionKey>,
        end: Option<ForeignEnd>,
    ) -> Result<()> {
        const PUT: &str = "INSERT INTO foreign_ends (issuer, subject, session_key, ended_at, reason) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (issuer, subject, session_key) \
             DO UPDATE SET ended_at = excluded.ended_at, reason = excluded.reason";
        const REMOVE: &str = "DELETE FROM foreign_ends \
             WHERE issuer = $1 AND subject = $2 AND session_key = $3";
        on_either!(self, |c| {
            let query = sqlx::query(if end.is_some() { PUT } else { REMOVE });
            let query = query
                .bind(&identity.issuer)
                .bind(&identity.subject)
                .bind(key.map_or("", SessionKey::as_str));
            let query = match end {
                Some(end) => query
                    .bind(end.ended_at.as_millis())
                    .bind(end.reason.as_str()),
                None => query,
            };
            query.execute(c).await.map(Done::from)
        })?;
        Ok(())
    }

    /// The ends that stand in the way of a sign-in there.
    pub async fn find_foreign_ends(&mut self, foreign: &ForeignSession) -> Result<ForeignEnds> {
        let rows: Vec<EndRow> = on_either!(self, |c| {
            sqlx::query_as(ENDS)
                .bind(&foreign.identity.issuer)
                .bind(&foreign.identity.subject)
                .bind(foreign.key.as_str())
                // As many as where the user is asked about as well: PostgreSQL keeps a statement by its text.
                .bind(None::<Uuid>)
                .fetch_all(c)
                .await
        })?;
        let mut ends = ForeignEnds::default();
        for row in rows {
            ends.add(row)?;
        }
        Ok(ends)
    }

    /// Forgets ends of sign-ins that no issuer keeps alive for so long.
    pub async fn forget_foreign_ends(&mut self, before: Timestamp, limit: u32) -> Result<u64> {
        const SQL: &str = "DELETE FROM foreign_ends \
             WHERE (issuer, subject, session_key) IN (SELECT issuer, subject, session_key \
             FROM foreign_ends WHERE ended_at < $1 LIMIT $2)";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(before.as_millis())
                .bind(i64::from(limit))
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected())
    }
}
