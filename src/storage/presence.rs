//! Table `presence`: what each node holds of each session. A node writes rows of its own only, and nobody asks
//! about nodes that are lost.

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::tx::{CHUNK, Done, Tx, on_either, push_is_in};
use crate::domain::clock::Timestamp;
use crate::domain::id::{DeviceId, NodeId, SessionId, UserId};
use crate::domain::presence::{Holding, PresenceFilter};

/// What a node holds, and whose it is.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct PresenceRow {
    node_id: Uuid,
    user_id: Uuid,
    session_id: Uuid,
    device_id: Uuid,
    connections: i64,
    answering: i64,
    since: i64,
}

impl PresenceRow {
    /// At which node.
    pub fn node(&self) -> NodeId {
        NodeId(self.node_id)
    }

    /// What is held there.
    pub fn holding(&self) -> Holding {
        Holding {
            session_id: SessionId(self.session_id),
            user_id: UserId(self.user_id),
            device_id: DeviceId(self.device_id),
            connections: narrow(self.connections),
            answering: narrow(self.answering),
            since: Timestamp::from_millis(self.since),
        }
    }
}

fn narrow(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Tx {
    /// A node holds this, whatever it held of these sessions before.
    pub async fn put_presence(&mut self, node: NodeId, holdings: &[Holding]) -> Result<()> {
        for chunk in holdings.chunks(CHUNK) {
            on_either!(self, |c| {
                let mut query = QueryBuilder::new(
                    "INSERT INTO presence (node_id, session_id, user_id, device_id, connections, \
                     answering, since) ",
                );
                query.push_values(chunk, |mut row, it| {
                    row.push_bind(node.0)
                        .push_bind(it.session_id.0)
                        .push_bind(it.user_id.0)
                        .push_bind(it.device_id.0)
                        .push_bind(i64::from(it.connections))
                        .push_bind(i64::from(it.answering))
                        .push_bind(it.since.as_millis());
                });
                query.push(
                    " ON CONFLICT (node_id, session_id) DO UPDATE SET \
                     connections = excluded.connections, answering = excluded.answering, \
                     since = excluded.since",
                );
                query.build().execute(c).await.map(Done::from)
            })?;
        }
        Ok(())
    }

    /// A node holds nothing of these sessions any more.
    pub async fn delete_presence(&mut self, node: NodeId, sessions: &[SessionId]) -> Result<()> {
        for chunk in sessions.chunks(CHUNK) {
            on_either!(self, |c| {
                let mut query = QueryBuilder::new("DELETE FROM presence WHERE node_id = ");
                query.push_bind(node.0).push(" AND ");
                push_is_in(&mut query, "session_id", chunk.iter().map(|it| it.0));
                query.build().execute(c).await.map(Done::from)
            })?;
        }
        Ok(())
    }

    /// A node begins anew.
    pub async fn clear_presence(&mut self, node: NodeId) -> Result<()> {
        const SQL: &str = "DELETE FROM presence WHERE node_id = $1";
        on_either!(self, |c| {
            let query = sqlx::query(SQL).bind(node.0);
            query.execute(c).await.map(Done::from)
        })?;
        Ok(())
    }

    /// What these nodes hold of the first `users` users after this one.
    pub async fn list_presence(
        &mut self,
        nodes: &[NodeId],
        filter: &PresenceFilter,
        after: Option<UserId>,
        users: u32,
    ) -> Result<Vec<PresenceRow>> {
        Ok(on_either!(self, |c| {
            let at = || nodes.iter().map(|node| node.0);
            let mut query = QueryBuilder::new(
                "SELECT p.node_id, p.user_id, p.session_id, p.device_id, p.connections, \
                 p.answering, p.since FROM presence p WHERE ",
            );
            push_is_in(&mut query, "p.node_id", at());
            if let Some(device) = filter.device {
                query.push(" AND p.device_id = ").push_bind(device.0);
            }
            query.push(" AND p.user_id IN (SELECT DISTINCT user_id FROM presence WHERE ");
            push_is_in(&mut query, "node_id", at());
            if let Some(user) = filter.user {
                query.push(" AND user_id = ").push_bind(user.0);
            }
            if let Some(after) = after {
                query.push(" AND user_id > ").push_bind(after.0);
            }
            if let Some(device) = filter.device {
                query.push(" AND device_id = ").push_bind(device.0);
            }
            if let Some((group, _)) = &filter.group {
                query.push(" AND user_id IN (SELECT user_id FROM memberships WHERE group_id = ");
                query.push_bind(group.0).push(")");
            }
            query
                .push(" ORDER BY user_id LIMIT ")
                .push_bind(i64::from(users));
            query.push(")");
            query.build_query_as().fetch_all(c).await
        })?)
    }

    /// What these nodes hold of these sessions.
    pub async fn list_presence_of_sessions(
        &mut self,
        nodes: &[NodeId],
        sessions: &[SessionId],
    ) -> Result<Vec<PresenceRow>> {
        let ids: Vec<Uuid> = sessions.iter().map(|it| it.0).collect();
        self.list_presence_where(nodes, "p.session_id", &ids).await
    }

    /// What these nodes hold of these users.
    pub async fn list_presence_of_users(
        &mut self,
        nodes: &[NodeId],
        users: &[UserId],
    ) -> Result<Vec<PresenceRow>> {
        let ids: Vec<Uuid> = users.iter().map(|it| it.0).collect();
        self.list_presence_where(nodes, "p.user_id", &ids).await
    }

    async fn list_presence_where(
        &mut self,
        nodes: &[NodeId],
        column: &'static str,
        ids: &[Uuid],
    ) -> Result<Vec<PresenceRow>> {
        let mut found = Vec::new();
        if nodes.is_empty() {
            return Ok(found);
        }
        for chunk in ids.chunks(CHUNK) {
            let rows: Vec<PresenceRow> = on_either!(self, |c| {
                let mut query = QueryBuilder::new(
                    "SELECT p.node_id, p.user_id, p.session_id, p.device_id, p.connections, \
                     p.answering, p.since FROM presence p WHERE ",
                );
                push_is_in(&mut query, "p.node_id", nodes.iter().map(|node| node.0));
                query.push(" AND ");
                push_is_in(&mut query, column, chunk.iter().copied());
                query.build_query_as().fetch_all(c).await
            })?;
            found.extend(rows);
        }
        Ok(found)
    }
}
