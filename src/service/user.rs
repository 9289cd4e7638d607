//! Users: making, changing, suspending and removing them.

use super::sign_in::by_user;
use super::{Call, Core, Done, Origin, Page, Result, Slice, UserView};
use crate::domain::Reason;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::{SessionId, UserId};
use crate::domain::policy::PolicyScope;
use crate::domain::secret::Password;
use crate::domain::text::{LIST_MAX, check_new_password, check_password_size};
use crate::domain::user::{
    NewUser, User, UserRef, UserStatus, check_display_name, check_external_id, check_username,
};
use crate::storage::Tx;

use super::limits::Buckets;

/// What of a user is to change.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// The name it signs in with.
    pub username: Option<String>,
    /// The name that people see.
    pub display_name: Option<String>,
    /// Its external id; `Some(None)` removes it.
    pub external_id: Option<Option<String>>,
    /// Its password; ends every session.
    pub password: Option<Password>,
    /// The groups it is to be in, by name.
    pub groups: Option<Vec<String>>,
}

impl Core {
    /// A user with rights.
    pub async fn find_user(&self, id: UserId) -> Result<UserView> {
        let mut tx = self.read().await?;
        let user = tx.find_user(id).await?.ok_or(Error::NotFound("user"))?;
        view(&mut tx, user).await
    }

    /// The ids of users that callers name, in the same order.
    pub async fn resolve_users(&self, users: Vec<UserRef>) -> Result<Vec<UserId>> {
        let mut ids = Vec::with_capacity(users.len());
        let mut tx = None;
        for user in users {
            ids.push(match user {
                UserRef::Id(id) => id,
                UserRef::External(external) => {
                    let tx = match &mut tx {
                        Some(tx) => tx,
                        None => tx.insert(self.look().await?),
                    };
                    let found = tx.find_user_by_external_id(&external).await?;
                    found.ok_or(Error::NotFound("user"))?
                }
            });
        }
        Ok(ids)
    }

    /// The id of a user that a caller names.
    pub async fn resolve_user(&self, user: UserRef) -> Result<UserId> {
        let ids = self.resolve_users(vec![user]).await?;
        ids.first().copied().ok_or(Error::NotFound("user"))
    }

    /// Users in order of age.
    pub async fn list_users(&self, search: Option<&str>, page: Page) -> Result<Slice<UserView>> {
        let mut tx = self.read().await?;
        let users = tx.list_users(search, page.after, page.probe()).await?;
        let slice = page.slice(users, |user| user.id.0);
        let items = views(&mut tx, slice.items).await?;
        Ok(Slice {
            items,
            next: slice.next,
        })
    }

    /// Makes a user.
    pub async fn create_user(&self, call: &Call, new: NewUser) -> Result<Done<UserView>> {
        let groups = new.groups.clone();
        let (user, hash) = self.shape_user(new).await?;
        let mut tx = self.begin().await?;
        tx.share_rules().await?;
        let view = self
            .add_user(&mut tx, user, hash.as_deref(), &groups, call)
            .await?;
        self.conclude(call, tx, view).await
    }

    /// What a new user is, and the hash of the password.
    pub(super) async fn shape_user(&self, new: NewUser) -> Result<(User, Option<String>)> {
        check_username(&new.username)?;
        let display_name = new.display_name.unwrap_or_else(|| new.username.clone());
        check_display_name(&display_name)?;
        if let Some(id) = &new.external_id {
            check_external_id(id)?;
        }
        let hash = match &new.password {
            Some(password) => {
                check_new_password("password", password.expose())?;
                Some(self.passwords.hash(password, self.entropy.as_ref()).await?)
            }
            None => None,
        };
        let now = self.clock.now();
        let user = User {
            id: UserId(self.entropy.uuid(now)),
            username: new.username,
            display_name,
            external_id: new.external_id,
            status: UserStatus::Active,
            created_at: now,
        };
        Ok((user, hash))
    }

    /// Adds a user to these groups too. The caller goes by the rules.
    pub(super) async fn add_user(
        &self,
        tx: &mut Tx,
        user: User,
        hash: Option<&str>,
        groups: &[String],
        call: &Call,
    ) -> Result<UserView> {
        self.check_names(tx, &user).await?;
        tx.insert_user(&user, hash).await?;
        let (user_id, username) = (user.id, user.username.clone());
        tx.record(&call.cause, Event::UserCreated { user_id, username });
        self.place_in_groups(tx, user.id, groups, call).await?;
        view(tx, user).await
    }

    /// Changes a user.
    pub async fn update_user(
        &self,
        call: &Call,
        id: UserId,
        patch: UserPatch,
    ) -> Result<Done<UserView>> {
        let hash = match &patch.password {
            Some(password) => {
                check_new_password("password", password.expose())?;
                Some(self.passwords.hash(password, self.entropy.as_ref()).await?)
            }
            None => None,
        };
        let mut tx = self.begin().await?;
        let old = tx.lock_user(id).await?.ok_or(Error::NotFound("user"))?;
        let mut user = old.clone();
        if let Some(username) = patch.username {
            check_username(&username)?;
            user.username = username;
        }
        if let Some(display_name) = patch.display_name {
            check_display_name(&display_name)?;
            user.display_name = display_name;
        }
        if let Some(external_id) = patch.external_id {
            external_id.as_deref().map(check_external_id).transpose()?;
            user.external_id = external_id;
        }
        if user != old {
            self.check_names(&mut tx, &user).await?;
            tx.update_user(&user).await?;
            let username = user.username.clone();
            tx.record(
                &call.cause,
                Event::UserUpdated {
                    user_id: id,
                    username,
                },
            );
        }
        if let Some(hash) = hash {
            self.set_password(&mut tx, id, &hash, None, call).await?;
        }
        if let Some(groups) = patch.groups {
            self.place_in_groups(&mut tx, id, &groups, call).await?;
        }
        let view = view(&mut tx, user).await?;
        self.conclude(call, tx, view).await
    }

    /// Removes a user: every session ends, and every token is refused at once.
    pub async fn delete_user(&self, call: &Call, id: UserId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        let user = tx.lock_user(id).await?.ok_or(Error::NotFound("user"))?;
        self.end_all_of(&mut tx, id, None, Reason::UserDeleted, &call.cause)
            .await?;
        tx.remove_policy(PolicyScope::User(id)).await?;
        tx.remove_user(id).await?;
        tx.record(
            &call.cause,
            Event::UserDeleted {
                user_id: id,
                username: user.username,
            },
        );
        self.conclude(call, tx, ()).await
    }

    /// Suspends a user: every session ends, and none begins.
    pub async fn suspend_user(&self, call: &Call, id: UserId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        let mut user = tx.lock_user(id).await?.ok_or(Error::NotFound("user"))?;
        if user.status == UserStatus::Active {
            user.status = UserStatus::Suspended;
            tx.update_user(&user).await?;
            tx.record(&call.cause, Event::UserSuspended { user_id: id });
            self.end_all_of(&mut tx, id, None, Reason::UserSuspended, &call.cause)
                .await?;
        }
        self.conclude(call, tx, ()).await
    }

    /// Lets a suspended user sign in again.
    pub async fn resume_user(&self, call: &Call, id: UserId) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        let mut user = tx.lock_user(id).await?.ok_or(Error::NotFound("user"))?;
        if user.status == UserStatus::Suspended {
            user.status = UserStatus::Active;
            tx.update_user(&user).await?;
            tx.record(&call.cause, Event::UserResumed { user_id: id });
        }
        self.conclude(call, tx, ()).await
    }

    /// The person changes the password: the other sessions end.
    pub async fn change_password(
        &self,
        call: &Call,
        id: UserId,
        keep: SessionId,
        current: Password,
        new: Password,
    ) -> Result<Done<()>> {
        check_password_size("current_password", current.expose())?;
        check_new_password("new_password", new.expose())?;
        let found = self.look().await?.find_user_and_hash(id).await?;
        let (user, old_hash) = found.ok_or(Error::NotFound("user"))?;
        let buckets = Buckets::of(&user.username, None, None);
        {
            let mut turn = self.passwords.turn().await?;
            self.failures.check(buckets)?;
            if !self
                .passwords
                .verify(&mut turn, &current, old_hash.as_deref())
                .await?
            {
                self.failures.count(buckets);
                return Err(Error::InvalidCredentials);
            }
        }
        let hash = self.passwords.hash(&new, self.entropy.as_ref()).await?;
        let mut tx = self.begin().await?;
        let (_, hash_now) = tx
            .lock_user_and_hash(id)
            .await?
            .ok_or(Error::NotFound("user"))?;
        if hash_now != old_hash {
            return Err(Error::InvalidCredentials);
        }
        self.set_password(&mut tx, id, &hash, Some(keep), call)
            .await?;
        self.conclude(call, tx, ()).await
    }

    async fn set_password(
        &self,
        tx: &mut Tx,
        id: UserId,
        hash: &str,
        keep: Option<SessionId>,
        call: &Call,
    ) -> Result<()> {
        tx.update_password_hash(id, hash).await?;
        // Whoever waits at the door proved the old one.
        tx.remove_takeovers_of(id).await?;
        tx.record(&call.cause, Event::PasswordChanged { user_id: id });
        self.end_all_of(tx, id, keep, Reason::PasswordChanged, &call.cause)
            .await
    }

    async fn check_names(&self, tx: &mut Tx, user: &User) -> Result<()> {
        let same_name = tx.find_user_by_name(&user.username).await?;
        if same_name.is_some_and(|(other, _)| other.id != user.id) {
            return Err(Error::AlreadyExists("username"));
        }
        if let Some(external_id) = &user.external_id
            && tx
                .find_user_by_external_id(external_id)
                .await?
                .is_some_and(|id| id != user.id)
        {
            return Err(Error::AlreadyExists("external id"));
        }
        Ok(())
    }

    /// Puts a user into exactly these groups.
    async fn place_in_groups(
        &self,
        tx: &mut Tx,
        user: UserId,
        names: &[String],
        call: &Call,
    ) -> Result<()> {
        if names.len() > LIST_MAX {
            return Err(Error::validation(format!(
                "`groups` may have at most {LIST_MAX} items"
            )));
        }
        let mut wanted = Vec::with_capacity(names.len());
        for name in names {
            let group = tx.find_group_by_name(name).await?;
            wanted.push(group.ok_or_else(|| {
                Error::validation("`groups` names a group that does not exist; make it first")
            })?);
        }
        let present = tx.list_groups_of(user).await?;
        for (id, name) in &present {
            if !wanted.iter().any(|group| group.id == *id) {
                self.take_out(tx, *id, name, &[user], &call.cause).await?;
            }
        }
        for group in &wanted {
            self.put_in(tx, group.id, &group.name, &[user], &call.cause)
                .await?;
        }
        Ok(())
    }

    /// As the user's own doing.
    pub fn call_of(&self, user: UserId, origin: &Origin) -> Call {
        Call::as_user(by_user(user, origin))
    }
}

/// A user with rights.
pub(super) async fn view(tx: &mut Tx, user: User) -> Result<UserView> {
    let mut views = views(tx, vec![user]).await?;
    views.pop().ok_or(Error::NotFound("user"))
}

/// Users with rights, in the order given.
pub(super) async fn views(tx: &mut Tx, users: Vec<User>) -> Result<Vec<UserView>> {
    let ids: Vec<_> = users.iter().map(|user| user.id).collect();
    let standings = tx.list_standings(&ids).await?;
    Ok(users
        .into_iter()
        .map(|user| {
            let standing = standings
                .iter()
                .find(|standing| standing.user_id == user.id);
            UserView {
                groups: standing
                    .map(|s| s.rights.groups.iter().cloned().collect())
                    .unwrap_or_default(),
                permissions: standing
                    .map(|s| s.rights.permissions.iter().cloned().collect())
                    .unwrap_or_default(),
                user,
            }
        })
        .collect())
}
