//! Tables `api_keys` and `signing_keys`.

use uuid::Uuid;

use super::row::corrupt;
use super::tx::{Done, Tx, on_either};
use super::{Error, Result};
use crate::domain::access::Scope;
use crate::domain::clock::Timestamp;
use crate::domain::id::ApiKeyId;
use crate::domain::secret::BearerHash;
use sessionwire_guard::Algorithm;

/// A service's key, without the key.
#[derive(Clone, Debug)]
pub struct ApiKeyRow {
    /// Its id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Where a signing key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It signs, or will.
    Newest,
    /// Another has taken its place.
    Replaced,
    /// It is trusted no more.
    Retired,
}

/// A signing key. The private half is sealed.
#[derive(Clone)]
pub struct SigningKeyRow {
    /// Its name in token headers.
    pub kid: String,
    /// The one algorithm it is used with.
    pub algorithm: Algorithm,
    /// The public half (RFC 7517).
    pub public_jwk: serde_json::Value,
    /// The private half, encrypted with the key file.
    pub sealed: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it signs: later than it is listed, so that everybody knows it by then.
    pub signs_from: Timestamp,
    /// Until when it is listed, once another one has taken its place.
    pub listed_until: Option<Timestamp>,
}

type ApiKeyColumns = (Uuid, String, String, i64, Option<i64>);
type SigningKeyColumns = (String, String, String, Vec<u8>, i64, i64, Option<i64>);

fn api_key((id, name, scopes, created_at, revoked_at): ApiKeyColumns) -> Result<ApiKeyRow> {
    Ok(ApiKeyRow {
        id: ApiKeyId(id),
        name,
        scopes: serde_json::from_str(&scopes).map_err(|_| corrupt("api_keys"))?,
        created_at: Timestamp::from_millis(created_at),
        revoked_at: revoked_at.map(Timestamp::from_millis),
    })
}

fn signing_key(columns: SigningKeyColumns) -> Result<SigningKeyRow> {
    let (kid, algorithm, public_jwk, sealed, created_at, signs_from, listed_until) = columns;
    Ok(SigningKeyRow {
        kid,
        algorithm: algorithm.parse().map_err(|_| corrupt("signing_keys"))?,
        public_jwk: serde_json::from_str(&public_jwk).map_err(|_| corrupt("signing_keys"))?,
        sealed,
        created_at: Timestamp::from_millis(created_at),
        signs_from: Timestamp::from_millis(signs_from),
        listed_until: listed_until.map(Timestamp::from_millis),
    })
}

impl Tx {
    /// Adds an API key.
    pub async fn insert_api_key(&mut self, hash: BearerHash, key: &ApiKeyRow) -> Result<()> {
        const SQL: &str = "INSERT INTO api_keys (id, key_hash, name, scopes, created_at) \
             VALUES ($1, $2, $3, $4, $5)";
        let scopes = serde_json::to_string(&key.scopes).map_err(|_| corrupt("api_keys"))?;
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(key.id.0)
                .bind(hash.0.as_slice())
                .bind(&key.name)
                .bind(scopes)
                .bind(key.created_at.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// An API key by the hash of the key.
    pub async fn find_api_key(&mut self, hash: BearerHash) -> Result<Option<ApiKeyRow>> {
        const SQL: &str = "SELECT id, name, scopes, created_at, revoked_at FROM api_keys \
             WHERE key_hash = $1";
        let row: Option<ApiKeyColumns> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(hash.0.as_slice())
                .fetch_optional(c)
                .await
        })?;
        row.map(api_key).transpose()
    }

    /// API keys in order of id.
    pub async fn list_api_keys(
        &mut self,
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<ApiKeyRow>> {
        const SQL: &str = "SELECT id, name, scopes, created_at, revoked_at FROM api_keys \
             WHERE id > $1 ORDER BY id LIMIT $2";
        let rows: Vec<ApiKeyColumns> = on_either!(self, |c| {
            sqlx::query_as(SQL)
                .bind(after.unwrap_or_default())
                .bind(i64::from(limit))
                .fetch_all(c)
                .await
        })?;
        rows.into_iter().map(api_key).collect()
    }

    /// Whether there is such an API key.
    pub async fn has_api_key(&mut self, id: ApiKeyId) -> Result<bool> {
        const SQL: &str = "SELECT CAST(1 AS BIGINT) FROM api_keys WHERE id = $1";
        let found: Option<i64> = on_either!(self, |c| sqlx::query_scalar(SQL)
            .bind(id.0)
            .fetch_optional(c)
            .await)?;
        Ok(found.is_some())
    }

    /// Takes an API key back.
    pub async fn revoke_api_key(&mut self, id: ApiKeyId, at: Timestamp) -> Result<bool> {
        const SQL: &str =
            "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        let done = on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(id.0)
                .bind(at.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(done.rows_affected() == 1)
    }

    /// Adds a signing key.
    pub async fn insert_signing_key(&mut self, key: &SigningKeyRow) -> Result<()> {
        const SQL: &str = "INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed, \
             created_at, signs_from) VALUES ($1, $2, $3, $4, $5, $6)";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(&key.kid)
                .bind(key.algorithm.as_str())
                .bind(key.public_jwk.to_string())
                .bind(&key.sealed)
                .bind(key.created_at.as_millis())
                .bind(key.signs_from.as_millis())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// The signing keys that are listed, the newest first.
    pub async fn list_signing_keys(&mut self, now: Timestamp) -> Result<Vec<SigningKeyRow>> {
        const SQL: &str = "SELECT kid, algorithm, public_jwk, sealed, created_at, signs_from, \
             listed_until FROM signing_keys \
             WHERE (listed_until IS NULL OR listed_until > $1) AND retired_at IS NULL \
             ORDER BY signs_from DESC, kid";
        let rows: Vec<SigningKeyColumns> = on_either!(self, |c| {
            sqlx::query_as(SQL).bind(now.as_millis()).fetch_all(c).await
        })?;
        rows.into_iter().map(signing_key).collect()
    }

    /// Limits how long the present signing keys stay listed.
    pub async fn retire_signing_keys(&mut self, listed_until: Timestamp) -> Result<()> {
        const SQL: &str = "UPDATE signing_keys SET listed_until = $1 WHERE listed_until IS NULL";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(listed_until.as_millis())
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }

    /// Whether there is, or was, such a signing key: listed still, or retired.
    pub async fn find_signing_key_state(&mut self, kid: &str) -> Result<Option<KeyState>> {
        const SQL: &str = "SELECT listed_until, retired_at FROM signing_keys WHERE kid = $1";
        let row: Option<(Option<i64>, Option<i64>)> = on_either!(self, |c| {
            sqlx::query_as(SQL).bind(kid).fetch_optional(c).await
        })?;
        Ok(row.map(
            |(listed_until, retired_at)| match (retired_at, listed_until) {
                (Some(_), _) => KeyState::Retired,
                (None, Some(_)) => KeyState::Replaced,
                (None, None) => KeyState::Newest,
            },
        ))
    }

    /// Trusts a signing key no more, and forgets its private half.
    pub async fn retire_signing_key(&mut self, kid: &str, now: Timestamp) -> Result<()> {
        const SQL: &str = "UPDATE signing_keys SET retired_at = $2, listed_until = $2, sealed = $3 \
             WHERE kid = $1";
        on_either!(self, |c| {
            sqlx::query(SQL)
                .bind(kid)
                .bind(now.as_millis())
                .bind(Vec::<u8>::new())
                .execute(c)
                .await
                .map(Done::from)
        })?;
        Ok(())
    }

    /// The signing keys that are trusted no more.
    pub async fn list_retired_keys(&mut self) -> Result<Vec<String>> {
        const SQL: &str = "SELECT kid FROM signing_keys WHERE retired_at IS NOT NULL ORDER BY kid";
        Ok(on_either!(self, |c| sqlx::query_scalar(SQL)
            .fetch_all(c)
            .await)?)
    }

    /// Forgets signing keys of which no token lives, private half and all.
    pub async fn forget_signing_keys(&mut self, now: Timestamp) -> Result<()> {
        const SQL: &str = "DELETE FROM signing_keys WHERE listed_until < $1 AND retired_at IS NULL";
        on_either!(self, |c| sqlx::query(SQL)
            .bind(now.as_millis())
            .execute(c)
            .await
            .map(Done::from))?;
        Ok(())
    }
}

impl From<sessionwire_guard::KeyError> for Error {
    fn from(_: sessionwire_guard::KeyError) -> Self {
        corrupt("signing_keys")
    }
}
