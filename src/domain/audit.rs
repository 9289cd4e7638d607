//! The log as it is shown to others: an entry with who caused it, and the one shape in which an event
//! leaves the server, whatever the road. It may not know the roads.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::access::InitiatingEntity;
use super::clock::Timestamp;
use super::event::LogEntry;
use super::id::Seq;

/// An entry with everything that the audit trail shows.
#[derive(Clone, Debug)]
pub struct AuditEntry {
    /// The entry.
    pub entry: LogEntry,
    /// The kind of who did it.
    pub actor_type: String,
    /// Who did it.
    pub actor_id: Option<Uuid>,
    /// In which request.
    pub request_id: Option<String>,
    /// From where.
    pub address: Option<String>,
}

/// An event as it leaves the server.
#[derive(Clone, Debug, Serialize)]
pub struct EventRecord {
    /// Its position in the log.
    pub seq: Seq,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// Who did it.
    pub actor: Party,
    /// What it is about.
    pub subject: Party,
    /// On whose behalf.
    pub initiating_entity: InitiatingEntity,
    /// The request that caused it.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
    /// What its type has to tell.
    pub data: Value,
}

/// Who or what.
#[derive(Clone, Debug, Serialize)]
pub struct Party {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which one.
    pub id: Option<String>,
}

impl EventRecord {
    /// What tells it from every other event wherever it goes, and is the same each time that it is sent.
    pub fn delivery_id(&self) -> String {
        format!("evt_{}_{}", self.seq, self.at.as_millis())
    }
}

impl TryFrom<AuditEntry> for EventRecord {
    type Error = serde_json::Error;

    fn try_from(audit: AuditEntry) -> Result<Self, serde_json::Error> {
        let event = &audit.entry.event;
        let mut written = serde_json::to_value(event)?;
        let (subject_type, subject_id) = event.subject();
        Ok(Self {
            seq: audit.entry.seq,
            kind: event.kind(),
            at: audit.entry.at,
            actor: Party {
                kind: audit.actor_type,
                id: audit.actor_id.map(|id| id.to_string()),
            },
            subject: Party {
                kind: subject_type.to_owned(),
                id: subject_id,
            },
            initiating_entity: audit.entry.initiating_entity,
            request_id: audit.request_id,
            address: audit.address,
            data: written["data"].take(),
        })
    }
}
