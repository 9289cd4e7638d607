//! What goes over a bus, and how another process knows that it comes from one of ours: sealed with a
//! key that the nodes share, since whoever can speak on the bus could else make up the past. A letter
//! that comes again, late or out of order harms nobody. It may not know what carries it.

use std::sync::Arc;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use super::Batch;
use crate::domain::event::LogEntry;
use crate::domain::id::Seq;
use crate::domain::progress::Progress;

const MAC_LEN: usize = 32;

/// What happened to the log.
#[derive(Clone, Debug, PartialEq)]
pub enum News {
    /// A commit appended this.
    Batch(Arc<Batch>),
    /// It reaches this position now; what it holds is to be read.
    Head(Seq),
}

/// One message over a bus.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Letter {
    News(News),
    Progress(Progress),
}

/// The text of a letter.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Text {
    Entries(Vec<LogEntry>),
    Head(Seq),
    Progress(Progress),
}

/// Seals letters, and knows those that are sealed.
#[derive(Clone)]
pub struct Seal(hmac::Key);

impl Seal {
    /// The seal of everybody who has this secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The letter as it goes over the wire; `None` where it can't be written.
    pub(super) fn close(&self, letter: &Letter) -> Option<Vec<u8>> {
        let text = match letter {
            Letter::News(News::Batch(batch)) => Text::Entries(batch.entries.clone()),
            Letter::News(News::Head(head)) => Text::Head(*head),
            Letter::Progress(progress) => Text::Progress(progress.clone()),
        };
        let body = serde_json::to_vec(&text).ok()?;
        let mut sealed = hmac::sign(&self.0, &body).as_ref().to_vec();
        sealed.extend(body);
        Some(sealed)
    }

    /// The letter, if it is one of ours that this version can read. Compared in constant time.
    pub(super) fn open(&self, sealed: &[u8]) -> Option<Letter> {
        let (mac, body) = sealed.split_at_checked(MAC_LEN)?;
        hmac::verify(&self.0, body, mac).ok()?;
        Some(match serde_json::from_slice(body).ok()? {
            Text::Entries(entries) => Letter::News(News::Batch(Arc::new(Batch { entries }))),
            Text::Head(head) => Letter::News(News::Head(head)),
            Text::Progress(progress) => Letter::Progress(progress),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::access::InitiatingEntity;
    use crate::domain::clock::Timestamp;
    use crate::domain::event::Event;
    use crate::domain::id::{NodeId, UserId};

    fn letters() -> Vec<Letter> {
        let entry = LogEntry {
            seq: Seq(7),
            at: Timestamp::from_seconds(1_800_000_000),
            initiating_entity: InitiatingEntity::Admin,
            event: Event::UserResumed {
                user_id: UserId(uuid::Uuid::nil()),
            },
        };
        let entries = vec![entry];
        vec![
            Letter::News(News::Batch(Arc::new(Batch { entries }))),
            Letter::News(News::Head(Seq(9))),
            Letter::Progress(Progress {
                node: NodeId(uuid::Uuid::nil()),
                applied: Seq(8),
                delivered: Vec::new(),
            }),
        ]
    }

    #[test]
    fn a_letter_arrives_as_it_was_sent() {
        let seal = Seal::new(b"shared");
        for letter in letters() {
            let sealed = seal.close(&letter).unwrap();
            assert_eq!(seal.open(&sealed), Some(letter));
        }
    }

    #[test]
    fn what_is_not_sealed_by_the_same_secret_is_no_letter() {
        let seal = Seal::new(b"shared");
        for letter in letters() {
            let sealed = seal.close(&letter).unwrap();
            assert_eq!(Seal::new(b"other").open(&sealed), None);
            for place in [0, MAC_LEN, sealed.len() - 1] {
                let mut torn = sealed.clone();
                torn[place] ^= 1;
                assert_eq!(seal.open(&torn), None);
            }
            assert_eq!(seal.open(&sealed[..MAC_LEN - 1]), None);
            assert_eq!(seal.open(&sealed[MAC_LEN..]), None);
        }
        assert_eq!(seal.open(b""), None);
    }
}
