//! The id of a request: the client's own, or one that no other request has. It may not know what is asked.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::header::of_uuid;
use crate::domain::clock::{Entropy, Timestamp};

/// The id of a request, in both directions.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is taken from a client.
const BYTES_MAX: usize = 128;

/// Makes ids (UUIDv7). They are no secrets: what is random in them is drawn once, so that no other process makes the
/// same, and counted on from there (RFC 9562 section 6.2).
pub(super) struct RequestIds {
    process: [u8; 2],
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let (mut process, mut next) = ([0; 2], [0; 8]);
        entropy.fill(&mut process);
        entropy.fill(&mut next);
        Self {
            process,
            next: AtomicU64::new(u64::from_be_bytes(next)),
        }
    }

    /// One that was never made before.
    pub(super) fn make(&self, now: Timestamp) -> HeaderValue {
        let count = self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let mut bits = [0; 10];
        bits[..2].copy_from_slice(&self.process);
        bits[2..].copy_from_slice(&count);
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &bits);
        of_uuid(id.into_uuid())
    }
}

/// The client's own id, if it can stand in a header and a log line.
pub(super) fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let given = headers.get(X_REQUEST_ID)?;
    let fits =
        (1..=BYTES_MAX).contains(&given.len()) && given.as_bytes().iter().all(u8::is_ascii_graphic);
    fits.then(|| given.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::rest::fixture::Standing;

    #[test]
    fn no_two_requests_have_the_same() {
        let ids = RequestIds::new(&Standing);
        let now = Timestamp::from_seconds(1_770_000_000);
        let made: std::collections::BTreeSet<_> = (0..1000)
            .map(|_| ids.make(now).as_bytes().to_vec())
            .collect();
        assert_eq!(made.len(), 1000);
    }
}
