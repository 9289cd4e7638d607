//! The first administrator: made where there is no user at all, by whichever node starts first. It may not know
//! to whom the password is shown.

use super::group::ADMINISTRATORS;
use super::{Call, Core, Result, UserView};
use crate::domain::group::Group;
use crate::domain::id::GroupId;
use crate::domain::permission;
use crate::domain::secret::Password;
use crate::domain::user::NewUser;

impl Core {
    /// Makes an administrator where there is no user at all. None where there is one.
    pub async fn create_first_administrator(
        &self,
        username: &str,
        password: Password,
    ) -> Result<Option<UserView>> {
        if self.look().await?.has_users().await? {
            return Ok(None);
        }
        let call = Call::system();
        let groups = vec![ADMINISTRATORS.to_owned()];
        let new = NewUser {
            username: username.to_owned(),
            password: Some(password),
            display_name: Some("Administrator".into()),
            external_id: None,
            groups: groups.clone(),
        };
        let (user, hash) = self.shape_user(new).await?;
        let mut tx = self.begin().await?;
        tx.lock_rules().await?;
        if tx.has_users().await? {
            return Ok(None);
        }
        if tx.find_group_by_name(ADMINISTRATORS).await?.is_none() {
            let now = self.clock.now();
            let group = Group {
                id: GroupId(self.entropy.uuid(now)),
                name: ADMINISTRATORS.into(),
                priority: 0,
                permissions: [permission::ADMIN.to_owned()].into(),
            };
            self.add_group(&mut tx, &call, &group, now).await?;
        }
        let view = self
            .add_user(&mut tx, user, hash.as_deref(), &groups, &call)
            .await?;
        Ok(Some(self.conclude(&call, tx, view).await?.value))
    }
}
