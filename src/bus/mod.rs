//! stub until merged
use crate::domain::event::LogEntry;
use std::sync::Arc;
/// batch
#[derive(Clone, Debug)]
pub struct Batch {
    /// entries
    pub entries: Vec<LogEntry>,
}
/// bus
pub trait Bus: Send + Sync {
    /// publish
    fn publish(&self, batch: Arc<Batch>);
}
