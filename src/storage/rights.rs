//! What users may do, read across `memberships`, `groups` and `group_permissions`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::QueryBuilder;
use uuid::Uuid;

use super::Result;
use super::row::seq;
use super::tx::{Tx, is_kept, on_either, push_is_in};
use crate::domain::id::UserId;
use crate::domain::standing::{Given, Rights, Standing};

/// A user, one of the groups, one of the group's permissions, and the head of the log.
type RightRow = (Uuid, Option<String>, Option<String>, i64);

impl Tx {
    /// The standings of these users; those that are gone are left out. The position is read with the rights, so
    /// that it is never later than what was read.
    pub async fn list_standings(&mut self, users: &[UserId]) -> Result<Vec<Standing>> {
        let mut found: HashMap<Uuid, (i64, Rights)> = HashMap::with_capacity(users.len());
        for chunk in users.chunks(super::memberships::CHUNK) {
            for (user, group, permission, head) in self.list_rights(chunk).await? {
                let entry = found.entry(user);
                let (_, rights) = entry.or_insert_with(|| (head, Rights::default()));
                rights.groups.extend(group);
                rights.permissions.extend(permission);
            }
        }
        let standing = |(user, (head, rights)): (Uuid, (i64, Rights))| Standing {
            user_id: UserId(user),
            as_of: seq(head),
            rights: Arc::new(rights),
        };
        Ok(found.into_iter().map(standing).collect())
    }

    /// What the groups of these names give, in a snapshot.
    pub async fn find_given(&mut self, groups: &BTreeSet<String>) -> Result<Given> {
        let names: Vec<&String> = groups.iter().collect();
        let mut by_group: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let as_of = self.find_head().await?;
        for chunk in names.chunks(super::memberships::CHUNK) {
            let rows: Vec<(String, Option<String>)> = on_either!(self, |c| {
                let mut query = QueryBuilder::new(
                    "SELECT g.name, p.permission FROM groups g \
                     LEFT JOIN group_permissions p ON p.group_id = g.id WHERE ",
                );
                push_is_in(&mut query, "g.name", chunk.iter().copied());
                query
                    .build_query_as()
                    .persistent(is_kept(chunk))
                    .fetch_all(c)
                    .await
            })?;
            for (name, permission) in rows {
                by_group.entry(name).or_default().extend(permission);
            }
        }
        Ok(Given { as_of, by_group })
    }

    async fn list_rights(&mut self, users: &[UserId]) -> Result<Vec<RightRow>> {
        let rows = on_either!(self, |c| {
            let mut query = QueryBuilder::new(
                "SELECT u.id, g.name, p.permission, \
                 (SELECT seq FROM log_head WHERE id = 1) FROM users u \
                 LEFT JOIN memberships m ON m.user_id = u.id \
                 LEFT JOIN groups g ON g.id = m.group_id \
                 LEFT JOIN group_permissions p ON p.group_id = g.id WHERE ",
            );
            push_is_in(&mut query, "u.id", users.iter().map(|user| user.0));
            query
                .build_query_as()
                .persistent(is_kept(users))
                .fetch_all(c)
                .await
        })?;
        Ok(rows)
    }
}
