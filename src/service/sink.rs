//! Sinks that gave up, and the word that lets them try again. It may not know what they write, or
//! where to.

use super::{Call, Core, Done, Result};
use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::event::Event;

impl Core {
    /// A sink has failed for so long that it is no longer tried; the log says so.
    pub async fn disable_sink(
        &self,
        name: &str,
        failing_since: Timestamp,
        error: &str,
    ) -> Result<()> {
        let call = Call::system();
        let mut tx = self.begin().await?;
        if tx.set_sink_disabled(name, Some(self.clock.now())).await? {
            let event = Event::SinkDisabled {
                sink: name.to_owned(),
                failing_since,
                error: error.to_owned(),
            };
            tx.record(&call.cause, event);
        }
        self.conclude(&call, tx, ()).await?;
        Ok(())
    }

    /// A sink that is no longer tried is tried again, from where it was.
    pub async fn enable_sink(&self, call: &Call, name: &str) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        if tx.find_sink(name).await?.is_none() {
            return Err(Error::NotFound("sink"));
        }
        if tx.set_sink_disabled(name, None).await? {
            let sink = name.to_owned();
            tx.record(&call.cause, Event::SinkEnabled { sink });
        }
        self.conclude(call, tx, ()).await
    }
}
