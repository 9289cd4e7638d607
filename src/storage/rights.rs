//! What users may do, read across `memberships`, `groups` and `group_permissions`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::Result;
use super::row::seq;
use super::tx::Tx;
use crate::domain::id::UserId;
use crate::domain::standing::{Given, Rights, Standing};

/// A user, one of the groups, one of the group's permissions, and the head of the log.
type RightRow = (Uuid, Option<String>, Option<String>, i64);

impl Tx {
    /// The standings of these users; those that are gone are left out. The position is read with the rights, so
    /// that it is never later than what was read.
    pub async fn list_standings(&mut self, users: &[UserId]) -> Result<Vec<Standing>> {
        const SQL: &str = "SELECT u.id, g.name, p.permission, \
             (SELECT seq FROM log_head WHERE id = 1) FROM users u \
             LEFT JOIN memberships m ON m.user_id = u.id \
             LEFT JOIN groups g ON g.id = m.group_id \
             LEFT JOIN group_permissions p ON p.group_id = g.id WHERE ";
        let users: Vec<Uuid> = users.iter().map(|user| user.0).collect();
        let rows: Vec<RightRow> = self.select_in(SQL, "u.id", &users).await?;
        let mut found: HashMap<Uuid, (i64, Rights)> = HashMap::with_capacity(users.len());
        for (user, group, permission, head) in rows {
            let entry = found.entry(user);
            let (_, rights) = entry.or_insert_with(|| (head, Rights::default()));
            rights.groups.extend(group);
            rights.permissions.extend(permission);
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
        const SQL: &str = "SELECT g.name, p.permission FROM groups g \
             LEFT JOIN group_permissions p ON p.group_id = g.id WHERE ";
        let names: Vec<String> = groups.iter().cloned().collect();
        let as_of = self.find_head().await?;
        let rows: Vec<(String, Option<String>)> = self.select_in(SQL, "g.name", &names).await?;
        let mut by_group: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, permission) in rows {
            by_group.entry(name).or_default().extend(permission);
        }
        Ok(Given { as_of, by_group })
    }
}
