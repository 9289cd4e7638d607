//! The list of the nodes that share the database, and which of them is on duty. It may not know what
//! nodes do with it.

use super::Result;
use crate::domain::clock::Timestamp;
use crate::domain::id::NodeId;
use crate::domain::presence::PresenceChange;
use crate::domain::progress::{Listed, Membership};
use crate::storage::Store;

/// A node's entry in the list, and its way to the others'.
#[derive(Clone)]
pub struct RosterEntry {
    store: Store,
    id: NodeId,
    name: String,
}

impl RosterEntry {
    /// The entry of a node that has yet to check in.
    pub fn new(store: Store, id: NodeId, name: String) -> Self {
        Self { store, id, name }
    }

    /// Which node.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says that the node lives; takes the duty from who has it, where that one is lost; strikes out
    /// the lost. Committed before it answers who is there.
    pub async fn check_in(&self, said: &Membership) -> Result<Listed> {
        let mut tx = self.store.begin().await?;
        tx.check_in_node(self.id, &self.name, said.applied).await?;
        for (id, beat) in &said.gone {
            tx.delete_silent_node(*id, *beat).await?;
        }
        if let Some(from) = said.take_duty_from {
            tx.take_duty(from, self.id).await?;
        }
        let listed = Listed {
            nodes: tx.list_nodes().await?,
            on_duty: tx.find_duty_holder().await?,
        };
        // What a node says of itself is no event: nothing is appended.
        self.store.commit(tx, Timestamp::default()).await?;
        Ok(listed)
    }

    /// Who is there.
    pub async fn nodes(&self) -> Result<Listed> {
        let mut tx = self.store.read().await?;
        Ok(Listed {
            nodes: tx.list_nodes().await?,
            on_duty: tx.find_duty_holder().await?,
        })
    }

    /// Says whom the node holds.
    pub async fn report(&self, change: &PresenceChange) -> Result<()> {
        let mut tx = self.store.begin().await?;
        if change.anew {
            tx.clear_presence(self.id).await?;
        }
        tx.delete_presence(self.id, &change.gone).await?;
        tx.put_presence(self.id, &change.held).await?;
        // Who is connected is no event.
        self.store.commit(tx, Timestamp::default()).await?;
        Ok(())
    }

    /// The node goes.
    pub async fn leave(&self) -> Result<()> {
        let mut tx = self.store.begin().await?;
        tx.delete_node(self.id).await?;
        self.store.commit(tx, Timestamp::default()).await?;
        Ok(())
    }
}
