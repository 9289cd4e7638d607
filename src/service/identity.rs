//! People whom another issuer vouches for: a proof becomes a user here, and then a session by the same
//! policies as a password. It may not know tokens: a proof is what a genuine one says.

use super::attach::device_of;
use super::sign_in::{Door, by_user, newcomer};
use super::{Call, Core, Done, Origin, Result, SignInAnswer};
use crate::domain::Reason;
use crate::domain::access::Cause;
use crate::domain::device::Device;
use crate::domain::error::Error;
use crate::domain::event::Event;
use crate::domain::id::UserId;
use crate::domain::issuer::{ForeignSession, Identity, Proof};
use crate::domain::permission;
use crate::domain::user::{User, UserStatus, check_username};
use crate::storage::{Entrance, ForeignEnd, ForeignEnds, Tx};

/// The most identities of one user.
const IDENTITIES_MAX: u32 = 100;

/// How a sign-in at an issuer stood before somebody came in by it.
pub(super) struct Before<'a>(Option<Stood<'a>>);

struct Stood<'a> {
    foreign: &'a ForeignSession,
    end: Option<ForeignEnd>,
    /// How many events there were: without another nothing is different.
    events: usize,
}

impl<'a> Before<'a> {
    /// What ended here stays so, although it goes on at its issuer: only a later sign-in is let in. `ends`: as they are
    /// now.
    pub(super) fn of(
        tx: &Tx,
        foreign: Option<&'a ForeignSession>,
        ends: &ForeignEnds,
    ) -> Result<Self> {
        let Some(foreign) = foreign else {
            return Ok(Self(None));
        };
        // What ended it itself, first.
        for end in ends.of_this.iter().chain(&ends.of_more) {
            if !foreign.is_later_than(end.ended_at) {
                return Err(Error::SessionEnded(end.reason));
            }
        }
        Ok(Self(Some(Stood {
            foreign,
            end: ends.of_this,
            events: tx.events().count(),
        })))
    }

    /// Makes it stand so again. Answers whether anything happened since.
    pub(super) async fn restore(self, tx: &mut Tx) -> Result<bool> {
        let moved = self.0.filter(|it| tx.events().count() > it.events);
        let Some(Stood { foreign, end, .. }) = moved else {
            return Ok(false);
        };
        tx.set_foreign_end(&foreign.identity, Some(&foreign.key), end)
            .await?;
        Ok(true)
    }
}

impl Core {
    /// Signs in whom another issuer vouches for. Without a device the sign-in there is one by itself.
    pub async fn sign_in_by_proof(
        &self,
        proof: Proof,
        device: Option<Device>,
        remember_me: bool,
        origin: &Origin,
    ) -> Result<SignInAnswer> {
        let device = device.unwrap_or_else(|| device_of(&proof));
        device.check()?;
        let mut tx = self.begin().await?;
        tx.lock_foreign(&proof.session).await?;
        let (found, cause) = self.recognise(&mut tx, &proof, origin).await?;
        let mut newcomer = newcomer(device, remember_me, origin);
        newcomer.foreign = Some(proof.session);
        let (user, seats, door) = (found.user.id, found.seats, Door::Policy);
        let entry = self
            .enter(&mut tx, user, seats, &newcomer, door, &cause)
            .await?;
        self.answer(tx, user, newcomer, entry, &cause).await
    }

    /// Whom a proof is about, as the issuer has it, and what they meet at the door: known from now on, and in the
    /// groups that it says. The caller holds the sign-in, and has yet to check whether it ended here.
    pub(super) async fn recognise(
        &self,
        tx: &mut Tx,
        proof: &Proof,
        origin: &Origin,
    ) -> Result<(Entrance, Cause)> {
        let foreign = &proof.session;
        let mut found = match tx.lock_entrance_by(foreign).await? {
            Some(found) => found,
            None if proof.creates_users => self.welcome_stranger(tx, proof, origin).await?,
            None => {
                return Err(Error::Forbidden(
                    "nobody here has this identity; an administrator can link it to a user",
                ));
            }
        };
        if found.user.status == UserStatus::Suspended {
            return Err(Error::UserSuspended);
        }
        let user = found.user.id;
        let cause = by_user(user, origin);
        if let Some(names) = &proof.groups {
            // A policy that comes with a group may end the session that came of this sign-in.
            let before = Before::of(tx, Some(foreign), &found.seats.ends)?;
            self.take_groups(tx, user, proof, names, &cause).await?;
            if before.restore(tx).await? {
                found.seats = tx.lock_seats(user, Some(foreign)).await?;
            }
        }
        Ok((found, cause))
    }

    /// Makes a user of somebody who was never here. Until the commit nobody else meets them, so nobody has to be kept out.
    async fn welcome_stranger(
        &self,
        tx: &mut Tx,
        proof: &Proof,
        origin: &Origin,
    ) -> Result<Entrance> {
        let now = self.clock.now();
        let id = UserId(self.entropy.uuid(now));
        let foreign = &proof.session;
        let stranger = |username: String| User {
            id,
            display_name: proof
                .display_name
                .clone()
                .unwrap_or_else(|| username.clone()),
            username,
            external_id: None,
            status: UserStatus::Active,
            created_at: now,
        };
        let subject = &foreign.identity.subject;
        let mut user = stranger(format!("{}:{subject}", proof.issuer_name));
        let is_new = check_username(&user.username).is_ok()
            && tx.insert_user_of(&user, &foreign.identity).await?;
        if !is_new {
            user = stranger(format!("{}:{id}", proof.issuer_name));
            if !tx.insert_user_of(&user, &foreign.identity).await? {
                return Err(Error::internal("the name of a new user is taken"));
            }
        }
        let cause = by_user(id, origin);
        let (user_id, username) = (id, user.username.clone());
        tx.record(&cause, Event::UserCreated { user_id, username });
        let identity = foreign.identity.clone();
        tx.record(&cause, Event::IdentityLinked { user_id, identity });
        let seats = tx.lock_seats(id, Some(foreign)).await?;
        Ok(Entrance {
            user,
            password_hash: None,
            seats,
        })
    }

    async fn link(
        &self,
        tx: &mut Tx,
        identity: Identity,
        user_id: UserId,
        cause: &Cause,
    ) -> Result<()> {
        tx.insert_identity(&identity, user_id, self.clock.now())
            .await?;
        tx.record(cause, Event::IdentityLinked { user_id, identity });
        Ok(())
    }

    /// Puts the user into the groups that the issuer says, and out of others. Groups that are not here are
    /// not made, an older token takes nothing back, and who may administer is decided here alone.
    async fn take_groups(
        &self,
        tx: &mut Tx,
        user: UserId,
        proof: &Proof,
        names: &[String],
        cause: &Cause,
    ) -> Result<()> {
        let identity = &proof.session.identity;
        if !tx.note_claims(identity, proof.issued_at).await? {
            return Ok(());
        }
        for (id, name) in tx.list_groups_of(user).await? {
            let administers = match tx.find_group(id).await? {
                Some(group) => group.permissions.contains(permission::ADMIN),
                None => true,
            };
            if !administers && !names.contains(&name) {
                self.take_out(tx, id, &name, &[user], cause).await?;
            }
        }
        for name in names {
            if let Some(group) = tx.find_group_by_name(name).await?
                && !group.permissions.contains(permission::ADMIN)
            {
                self.put_in(tx, group.id, name, &[user], cause).await?;
            }
        }
        Ok(())
    }

    /// The user whom an issuer knows by this.
    pub async fn find_user_of(&self, identity: &Identity) -> Result<Option<UserId>> {
        Ok(self.look().await?.find_identity(identity).await?)
    }

    /// Who a user is for other issuers.
    pub async fn list_identities(&self, user: UserId) -> Result<Vec<Identity>> {
        let mut tx = self.read().await?;
        tx.find_user(user).await?.ok_or(Error::NotFound("user"))?;
        Ok(tx.list_identities(user, IDENTITIES_MAX).await?)
    }

    /// A user is somebody for another issuer.
    pub async fn link_identity(
        &self,
        call: &Call,
        user: UserId,
        identity: Identity,
    ) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_sign_ins(&identity.issuer, Some(&identity), None)
            .await?;
        tx.lock_user(user).await?.ok_or(Error::NotFound("user"))?;
        match tx.find_identity(&identity).await? {
            Some(known) if known == user => {}
            Some(_) => return Err(Error::AlreadyExists("identity")),
            None => {
                let linked = tx.list_identities(user, IDENTITIES_MAX).await?;
                if u32::try_from(linked.len()).is_ok_and(|count| count >= IDENTITIES_MAX) {
                    return Err(Error::validation(format!(
                        "a user may have at most {IDENTITIES_MAX} identities"
                    )));
                }
                self.link(&mut tx, identity, user, &call.cause).await?;
            }
        }
        self.conclude(call, tx, ()).await
    }

    /// A user is that no more; the sessions that came of it end.
    pub async fn unlink_identity(
        &self,
        call: &Call,
        user: UserId,
        identity: Identity,
    ) -> Result<Done<()>> {
        let mut tx = self.begin().await?;
        tx.lock_sign_ins(&identity.issuer, Some(&identity), None)
            .await?;
        tx.lock_user(user).await?.ok_or(Error::NotFound("user"))?;
        if tx.find_identity(&identity).await? == Some(user) {
            for id in tx.list_sessions_of_identity(&identity).await? {
                if let Some((session, _)) = tx.lock_session(id).await? {
                    let reason = Reason::RevokedByAdmin;
                    self.end(&mut tx, &session, reason, &call.cause, None)
                        .await?;
                }
            }
            tx.remove_identity(&identity).await?;
            let event = Event::IdentityUnlinked {
                user_id: user,
                identity,
            };
            tx.record(&call.cause, event);
        }
        self.conclude(call, tx, ()).await
    }
}
