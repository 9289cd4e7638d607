//! Who is connected to other nodes, as these have said. It may not know who is connected to this one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Core, Result};
use crate::domain::id::{NodeId, SessionId, UserId};
use crate::domain::presence::{PresenceFilter, Present};
use crate::domain::session::Session;
use crate::storage::Tx;

/// Other nodes, with what people call them.
pub type Elsewhere = BTreeMap<NodeId, String>;

impl Core {
    /// Whether a connection of one of these sessions of the user is open, here or elsewhere, that could answer a
    /// question.
    pub(super) async fn could_answer(
        &self,
        tx: &mut Tx,
        user: UserId,
        sessions: &[SessionId],
    ) -> Result<bool> {
        if self.listeners.is_anyone_connected(user, sessions) {
            return Ok(true);
        }
        let others = self.listeners.others();
        let rows = tx.list_presence_of_sessions(&others, sessions).await?;
        Ok(rows.iter().any(|row| row.holding().answering > 0))
    }

    /// What these nodes hold of the first `users` users after this one.
    pub async fn list_present_at(
        &self,
        nodes: &Elsewhere,
        filter: &PresenceFilter,
        after: Option<UserId>,
        users: u32,
    ) -> Result<Vec<Present>> {
        if nodes.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<NodeId> = nodes.keys().copied().collect();
        let mut tx = self.read().await?;
        let rows = tx.list_presence(&ids, filter, after, users).await?;
        let present = rows.into_iter().filter_map(|row| {
            let held = row.holding();
            Some(Present {
                user_id: held.user_id,
                connections: held.connections,
                devices: BTreeSet::from([held.device_id]),
                nodes: BTreeSet::from([nodes.get(&row.node())?.clone()]),
                since: held.since,
            })
        });
        Ok(present.collect())
    }

    /// The names that these users sign in with; who is gone is left out.
    pub async fn usernames(&self, users: &[UserId]) -> Result<HashMap<UserId, String>> {
        if users.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(self.look().await?.list_usernames(users).await?)
    }

    /// How many connections these sessions have at these nodes.
    pub async fn connections_at(
        &self,
        nodes: &Elsewhere,
        sessions: &[Session],
    ) -> Result<HashMap<SessionId, u32>> {
        let mut counts = HashMap::new();
        if nodes.is_empty() {
            return Ok(counts);
        }
        let ids: Vec<NodeId> = nodes.keys().copied().collect();
        let sessions: Vec<SessionId> = sessions.iter().map(|it| it.id).collect();
        let mut tx = self.read().await?;
        for row in tx.list_presence_of_sessions(&ids, &sessions).await? {
            let held = row.holding();
            let count: &mut u32 = counts.entry(held.session_id).or_default();
            *count = count.saturating_add(held.connections);
        }
        Ok(counts)
    }

    /// How many connections there are elsewhere of one of these users, or of one of these sessions.
    pub(super) async fn connections_elsewhere(
        &self,
        tx: &mut Tx,
        users: &[UserId],
        sessions: &[SessionId],
    ) -> Result<u64> {
        let others = self.listeners.others();
        let of_users = tx.list_presence_of_users(&others, users).await?;
        let of_sessions = tx.list_presence_of_sessions(&others, sessions).await?;
        let rows = of_users.iter().chain(&of_sessions);
        let each: HashMap<_, _> = rows
            .map(|row| {
                (
                    (row.node(), row.holding().session_id),
                    row.holding().connections,
                )
            })
            .collect();
        Ok(each.into_values().map(u64::from).sum())
    }
}
