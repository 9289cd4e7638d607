//! A client that is told when a session is over, by OpenID Connect Back-Channel Logout 1.0: one POST with a
//! logout token for each, the next when it was taken. It may not know what a token is signed with.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use reqwest::{StatusCode, Url};

use super::answer::judge;
use super::target::{Batch, Failure, Item, Target};
use crate::domain::error::Error;
use crate::domain::event::{Event, SessionEnded};
use crate::node::outbound::{self, Outbound};

/// Signs logout tokens.
pub trait LogoutSigner: Send + Sync {
    /// One for this client about this session. `jti` tells it from all others, and is the same each time that it
    /// is sent.
    fn sign(&self, audience: &str, ended: &SessionEnded, jti: String) -> Result<String, Error>;
}

/// What such a sink can be told.
#[derive(Clone, Debug)]
pub struct LogoutSettings {
    /// The client's `backchannel_logout_uri`.
    pub url: String,
    /// Its id: the `aud` of its tokens.
    pub audience: String,
    /// Whether addresses that are not public are connected to.
    pub allow_private: bool,
    /// How long an attempt may take, from the name's resolution to the answer's end.
    pub timeout: Duration,
}

/// A client.
pub(super) struct Logout {
    outbound: Outbound,
    url: Url,
    audience: String,
    signer: Arc<dyn LogoutSigner>,
}

impl Logout {
    /// Connects at the first write.
    pub(super) fn open(
        settings: &LogoutSettings,
        signer: &Arc<dyn LogoutSigner>,
    ) -> Result<Self, Error> {
        Ok(Self {
            outbound: Outbound::new(settings.allow_private, settings.timeout)?,
            url: settings.url.parse().map_err(Error::internal)?,
            audience: settings.audience.clone(),
            signer: Arc::clone(signer),
        })
    }

    async fn tell(&self, item: &Item, ended: &SessionEnded) -> Result<(), Failure> {
        let http = self.outbound.to(&self.url).map_err(Failure::again)?;
        let jti = item.record.delivery_id();
        let token = self.signer.sign(&self.audience, ended, jti)?;
        let request = http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!("logout_token={token}"));
        let answer = request.send().await;
        let answer = answer.map_err(|error| Failure::again(outbound::explain(error)))?;
        match (answer.status(), judge(answer).await) {
            // Section 2.8: it does not take this one, and would not the next time. One whose answer was lost
            // says so too, since no token is taken twice.
            (StatusCode::BAD_REQUEST, _) => {
                let (client, seq) = (&self.audience, item.record.seq);
                tracing::warn!(client, %seq, "a logout token was not taken");
                Ok(())
            }
            (_, judged) => judged,
        }
    }
}

impl Target for Logout {
    fn batch_max(&self) -> usize {
        1
    }

    fn write<'a>(&'a mut self, batch: &'a Batch) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            for item in &batch.items {
                if let Event::SessionEnded(ended) = &item.entry.event {
                    self.tell(item, ended).await?;
                }
            }
            Ok(())
        })
    }
}
