//! Who waits for whom. On SQLite nobody writes beside anybody, so every lock here is nothing more than a
//! look; on PostgreSQL a writer locks, then looks, then writes, each a statement of its own, since a statement
//! looks with the snapshot from before it waited.
//!
//! **The order.** Whoever takes several locks takes them in this order, so that two never wait for each other:
//! 1. the *rules*: what groups and policies say. Shared by whoever goes by them to change something of a
//!    user, and held alone by whoever changes them, or everybody at once;
//! 2. *sign-ins elsewhere*, in order of their number;
//! 3. *users*, in order of id: whoever starts sessions of a user, or ends more than one, holds the user;
//! 4. *sessions*, in order of id: whoever writes one by what it was read as holds the session;
//! 5. rows that stand alone: tickets, takeovers (their user is held), idempotency keys, logout tokens, API
//!    keys, sinks, nodes, presence: one statement looks and writes, and of two the first wins;
//! 6. the *signing keys*, all at once;
//! 7. the *administrators*: whether somebody is left who may administer;
//! 8. the head of the log, by the append. It orders the commits.

use uuid::Uuid;

use super::Result;
use super::tx::{Inner, Tx};
use super::users;
use crate::domain::id::{SessionId, UserId};
use crate::domain::issuer::{ForeignSession, Identity, SessionKey};
use crate::domain::session::Session;
use crate::domain::user::User;

/// The first half of the numbers of locks that are no rows; the second says which.
const SPACE: i32 = 0x7377;
const RULES: i32 = 1;
const SIGNING_KEYS: i32 = 2;
const ADMINISTRATORS: i32 = 3;

impl Tx {
    /// Goes by the rules: nobody changes them until the end of the transaction.
    pub async fn share_rules(&mut self) -> Result<()> {
        self.lock("SELECT pg_advisory_xact_lock_shared($1, $2)", RULES)
            .await
    }

    /// Changes the rules, or something of everybody: nobody goes by them meanwhile.
    pub async fn lock_rules(&mut self) -> Result<()> {
        self.lock("SELECT pg_advisory_xact_lock($1, $2)", RULES)
            .await
    }

    /// Changes which key signs.
    pub async fn lock_signing_keys(&mut self) -> Result<()> {
        self.lock("SELECT pg_advisory_xact_lock($1, $2)", SIGNING_KEYS)
            .await
    }

    /// Takes from somebody what an administrator needs, after everything else and before the append.
    pub async fn lock_administrators(&mut self) -> Result<()> {
        self.lock("SELECT pg_advisory_xact_lock($1, $2)", ADMINISTRATORS)
            .await
    }

    async fn lock(&mut self, sql: &'static str, which: i32) -> Result<()> {
        let Inner::Postgres(lane) = &mut self.inner else {
            return Ok(());
        };
        let query = sqlx::query(sql).bind(SPACE).bind(which);
        query.execute(lane.voice()?).await?;
        Ok(())
    }

    /// A sign-in at another issuer comes in: nobody ends it, or comes in by it, meanwhile.
    pub async fn lock_foreign(&mut self, foreign: &ForeignSession) -> Result<()> {
        let identity = Some(&foreign.identity);
        let issuer = &foreign.identity.issuer;
        self.lock_sign_ins(issuer, identity, Some(&foreign.key))
            .await
    }

    /// The same for what is known of one: whose it is, or which.
    pub async fn lock_sign_ins(
        &mut self,
        issuer: &str,
        identity: Option<&Identity>,
        key: Option<&SessionKey>,
    ) -> Result<()> {
        // Strangers who share a number wait for each other without need.
        const SQL: &str = "WITH rules AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared($2, $3)) \
             SELECT pg_advisory_xact_lock(n) FROM rules, \
             (SELECT DISTINCT hashtextextended(t, 0) FROM unnest($1) t ORDER BY 1) AS names (n)";
        let Inner::Postgres(lane) = &mut self.inner else {
            return Ok(());
        };
        let mut names = Vec::with_capacity(2);
        names.extend(identity.map(|it| format!("{issuer}\nsubject\n{}", it.subject)));
        names.extend(key.map(|key| format!("{issuer}\nsession\n{}", key.as_str())));
        let query = sqlx::query(SQL).bind(names).bind(SPACE).bind(RULES);
        query.execute(lane.voice()?).await?;
        Ok(())
    }

    /// The user, held against other writers until the end of the transaction.
    pub async fn lock_user(&mut self, id: UserId) -> Result<Option<User>> {
        let found = self.lock_user_and_hash(id).await?;
        Ok(found.map(|(user, _)| user))
    }

    /// The same, with the hash of the password.
    pub async fn lock_user_and_hash(
        &mut self,
        id: UserId,
    ) -> Result<Option<(User, Option<String>)>> {
        let sql = self.to_hold_user("$1");
        self.read_user(id, sql).await
    }

    /// The same for many, whatever order they are given in. Answers how many of them there are.
    /// In the model: `Lock`.
    pub async fn lock_users(&mut self, ids: &[UserId]) -> Result<usize> {
        const SQL: &str = "SELECT id FROM users WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE";
        self.share_rules().await?;
        let Inner::Postgres(lane) = &mut self.inner else {
            return Ok(self.find_existing_users(ids).await?.len());
        };
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let query = sqlx::query(SQL).bind(ids);
        Ok(query.fetch_all(lane.voice()?).await?.len())
    }

    /// A session, held with its user: whose it is never changes.
    pub async fn lock_session_and_user(&mut self, id: SessionId) -> Result<Option<Session>> {
        let found = self.find_session(id).await?;
        let (Some(session), Inner::Postgres(_)) = (&found, &self.inner) else {
            return Ok(found);
        };
        self.lock_users(&[session.user_id]).await?;
        Ok(self.lock_session(id).await?.map(|(session, _)| session))
    }

    /// A statement that reads a user, with the rules shared and then the user held; `user` is an expression for the id. Rows
    /// that name the user may come meanwhile, so it is not held by the strongest lock; of a row that it waited for, it
    /// reads what came.
    pub(super) fn to_hold_user(&self, user: &str) -> String {
        let columns = users::COLUMNS;
        match self.inner {
            Inner::Sqlite(_) => format!("SELECT {columns} FROM users WHERE id = {user}"),
            // Rows are held above everything that is read.
            Inner::Postgres(_) => format!(
                "WITH rules AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared({SPACE}, {RULES})) \
                 SELECT {columns} FROM rules, users WHERE id = {user} FOR NO KEY UPDATE OF users"
            ),
        }
    }

    /// What makes a statement hold the rows that it reads. Of rows alone it needs no look of its own: one that
    /// it waited for is read again.
    pub(super) fn to_hold(&self) -> &'static str {
        match self.inner {
            Inner::Sqlite(_) => "",
            Inner::Postgres(_) => " FOR UPDATE",
        }
    }

    /// The same for rows that somebody else may hold: then there are none. A node that was stopped in the middle
    /// of saying that it lives must not hold up the others. Their table is called `held`.
    pub(super) fn to_hold_if_free(&self) -> &'static str {
        match self.inner {
            Inner::Sqlite(_) => "",
            Inner::Postgres(_) => " FOR UPDATE OF held SKIP LOCKED",
        }
    }

    /// Holds everybody's sessions that have not been ended.
    pub async fn lock_all_sessions(&mut self) -> Result<()> {
        // Counted, so that the ids need not travel.
        const SQL: &str = "SELECT COUNT(*) FROM (SELECT id FROM sessions WHERE ended_at IS NULL \
             ORDER BY id FOR UPDATE) AS held";
        let Inner::Postgres(lane) = &mut self.inner else {
            return Ok(());
        };
        sqlx::query(SQL).execute(lane.voice()?).await?;
        Ok(())
    }
}
