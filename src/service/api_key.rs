//! API keys: the credentials of services. It may not know what their scopes open.

use super::vault::{BearerKind, hash, new_bearer};
use super::{ApiKeyView, Call, Core, Done, Page, Result, Slice};
use crate::domain::access::Scope;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::ApiKeyId;
use crate::domain::secret::Bearer;
use crate::domain::text::{TITLE_CHARS_MAX, check_line};
use crate::storage::ApiKeyRow;

impl Core {
    /// Makes an API key. It is shown once.
    pub async fn create_api_key(
        &self,
        call: &Call,
        name: String,
        mut scopes: Vec<Scope>,
    ) -> Result<(ApiKeyView, Bearer)> {
        check_line("name", &name, TITLE_CHARS_MAX)?;
        scopes.sort();
        scopes.dedup();
        if scopes.is_empty() {
            return Err(Error::validation("`scopes` needs at least one scope"));
        }
        let now = self.clock.now();
        let key = new_bearer(BearerKind::ApiKey, self.entropy.as_ref());
        let id = ApiKeyId(self.entropy.uuid(now));
        let row = ApiKeyRow {
            id,
            name,
            scopes,
            created_at: now,
            revoked_at: None,
        };
        let mut tx = self.begin().await?;
        tx.insert_api_key(hash(&key), &row).await?;
        let (name, scopes) = (row.name.clone(), row.scopes.clone());
        tx.record(
            &call.cause,
            Event::ApiKeyCreated {
                api_key_id: id,
                name,
                scopes,
            },
        );
        self.commit(tx).await?;
        Ok((api_key_view(row), key))
    }

    /// API keys in order of age.
    pub async fn list_api_keys(&self, page: Page) -> Result<Slice<ApiKeyView>> {
        let rows = self
            .look()
            .await?
            .list_api_keys(page.after, page.probe())
            .await?;
        Ok(page.slice(
            rows.into_iter().map(api_key_view).collect(),
            |key: &ApiKeyView| key.id.0,
        ))
    }

    /// Takes an API key back.
    pub async fn revoke_api_key(&self, call: &Call, id: ApiKeyId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        if !tx.has_api_key(id).await? {
            return Err(Error::NotFound("API key"));
        }
        if tx.revoke_api_key(id, self.clock.now()).await? {
            tx.record(&call.cause, Event::ApiKeyRevoked { api_key_id: id });
        }
        self.conclude(call, tx, ()).await
    }

    /// Whose API key this is.
    pub async fn authenticate_api_key(&self, key: &Bearer) -> Result<ApiKeyView> {
        let row = self.look().await?.find_api_key(hash(key)).await?;
        row.filter(|row| row.revoked_at.is_none())
            .map(api_key_view)
            .ok_or(Error::TokenInvalid)
    }
}

fn api_key_view(row: ApiKeyRow) -> ApiKeyView {
    ApiKeyView {
        id: row.id,
        name: row.name,
        scopes: row.scopes,
        created_at: row.created_at,
        revoked_at: row.revoked_at,
    }
}
