//! Signing in: the password, the policy in force, and the four answers at the limit.

use super::identity::Before;
use super::outcome::by_policy;
use super::session::check_power;
use super::step::Step;
use super::vault::{BearerKind, hash, new_bearer};
use super::{Call, Core, Origin, Result, SignInAnswer};
use crate::domain::Reason;
use crate::domain::access::{Actor, Cause, InitiatingEntity};
use crate::domain::clock::Timestamp;
use crate::domain::device::Device;
use crate::domain::error::{Error, SeatTaken};
use crate::domain::event::Event;
use crate::domain::id::{Seq, SessionId, TakeoverRequestId, UserId};
use crate::domain::policy::{Admission, AtLimit, Policy, admit};
use crate::domain::secret::{Bearer, Password};
use crate::domain::session::{Session, expires_at};
use crate::domain::text::{NAME_CHARS_MAX, check_line, check_password_size};
use crate::domain::user::UserStatus;
use crate::storage::{Newcomer, Seats, TakeoverKind, TakeoverRow, TakeoverState, Tx};

use super::limits::Buckets;

/// An attempt to sign in.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Who.
    pub username: String,
    /// The proof.
    pub password: Password,
    /// On which device.
    pub device: Device,
    /// Whether to be remembered.
    pub remember_me: bool,
}

/// How a newcomer comes to the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// As the policy says.
    Policy,
    /// With leave to take the seat: as `evict_oldest`.
    TakeSeat,
}

/// What the door answered.
pub(super) enum Entry {
    /// In: this session.
    In(SessionId),
    /// Not in: these sessions have the seats.
    Full(Vec<SessionId>, AtLimit),
}

impl Core {
    /// Signs in by name and password.
    pub async fn sign_in(&self, attempt: SignIn, origin: &Origin) -> Result<SignInAnswer> {
        check_line("username", &attempt.username, NAME_CHARS_MAX)?;
        check_password_size("password", attempt.password.expose())?;
        attempt.device.check()?;
        let (user, password_hash) = self.prove(&attempt, origin).await?;
        let newcomer = newcomer(attempt.device, attempt.remember_me, origin);
        let cause = by_user(user, origin);
        Step::Proven.reached();
        let mut tx = self.begin().await?;
        // Between the proof and the lock the account may have changed.
        let found = tx
            .lock_entrance(user)
            .await?
            .ok_or(Error::InvalidCredentials)?;
        if found.password_hash.as_deref() != Some(&*password_hash) {
            return Err(Error::InvalidCredentials);
        }
        if found.user.status == UserStatus::Suspended {
            return Err(Error::UserSuspended);
        }
        let (seats, door) = (found.seats, Door::Policy);
        let entry = self
            .enter(&mut tx, user, seats, &newcomer, door, &cause)
            .await?;
        self.answer(tx, user, newcomer, entry, &cause).await
    }

    /// A back end signs its own user in.
    pub async fn start_session(
        &self,
        call: &Call,
        user: UserId,
        device: Device,
        remember_me: bool,
        origin: &Origin,
    ) -> Result<SignInAnswer> {
        device.check()?;
        let mut tx = self.begin().await?;
        let found = tx.lock_entrance(user).await?;
        let found = found.ok_or(Error::NotFound("user"))?;
        check_power(call, &mut tx, user).await?;
        if found.user.status == UserStatus::Suspended {
            return Err(Error::UserSuspended);
        }
        let newcomer = newcomer(device, remember_me, origin);
        let (seats, door) = (found.seats, Door::Policy);
        let entry = self
            .enter(&mut tx, user, seats, &newcomer, door, &call.cause)
            .await?;
        self.answer(tx, user, newcomer, entry, &call.cause).await
    }

    /// Proves the password. Answers who it is, and the hash that it was proven against.
    async fn prove(&self, attempt: &SignIn, origin: &Origin) -> Result<(UserId, String)> {
        let mut tx = self.look().await?;
        let found = tx.find_user_by_name(&attempt.username).await?;
        let known_device = match &found {
            Some((user, _)) => tx.has_device(user.id, attempt.device.id).await?,
            None => false,
        };
        drop(tx);
        let known_device = known_device.then_some(attempt.device.id);
        let buckets = Buckets::of(&attempt.username, known_device, origin.address);
        let mut turn = self.passwords.turn().await?;
        self.failures.check(buckets)?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        let proven = self
            .passwords
            .verify(&mut turn, &attempt.password, hash)
            .await?;
        match found {
            Some((user, Some(hash))) if proven => Ok((user.id, hash)),
            _ => {
                self.failures.count(buckets);
                Err(Error::InvalidCredentials)
            }
        }
    }

    /// Lets a newcomer in, or says who has the seats. The user and the seats are locked by the caller.
    pub(super) async fn enter(
        &self,
        tx: &mut Tx,
        user: UserId,
        seats: Seats,
        newcomer: &Newcomer,
        door: Door,
        cause: &Cause,
    ) -> Result<Entry> {
        let now = self.clock.now();
        let Seats {
            mut policy,
            sessions,
            mut ends,
        } = seats;
        if door == Door::TakeSeat {
            policy.at_limit = AtLimit::EvictOldest;
        }
        if let Some(foreign) = &newcomer.foreign {
            let signed_in_at = Timestamp::from_seconds(foreign.signed_in_at);
            let limit = policy.lifetimes(false).sign_in_limit(signed_in_at);
            if limit.is_some_and(|limit| limit <= now) {
                return Err(Error::SignInTooOld);
            }
        }
        let (live, out_of_time): (Vec<_>, Vec<_>) =
            sessions.into_iter().partition(|s| s.is_live(now));
        for session in &out_of_time {
            self.end(tx, session, Reason::Expired, cause, None).await?;
        }
        let foreign = newcomer.foreign.as_ref();
        if let (Some(foreign), false) = (foreign, out_of_time.is_empty()) {
            ends = tx.find_foreign_ends(foreign).await?;
        }
        let before = Before::of(tx, foreign, &ends)?;
        let seats: Vec<_> = live.iter().map(Session::as_live).collect();
        let evicted = match admit(&policy, &seats, &newcomer.device) {
            Admission::Enter => Vec::new(),
            Admission::Evict(sessions) => sessions,
            Admission::Refuse(sessions) => return Ok(Entry::Full(sessions, AtLimit::Reject)),
            Admission::Ask(sessions) => return Ok(Entry::Full(sessions, AtLimit::Ask)),
            Admission::Approve(sessions) => return Ok(Entry::Full(sessions, AtLimit::Approve)),
        };
        let label = newcomer.device.label();
        for session in &live {
            let cause = if session.device.id == newcomer.device.id {
                cause
            } else if evicted.contains(&session.id) {
                &by_policy(cause)
            } else {
                continue;
            };
            self.end(tx, session, Reason::Superseded, cause, Some(&label))
                .await?;
        }
        // What the newcomer itself replaced is no end of its sign-in.
        before.restore(tx).await?;
        self.start_for(tx, user, newcomer, &policy, cause)
            .await
            .map(Entry::In)
    }

    async fn start_for(
        &self,
        tx: &mut Tx,
        user: UserId,
        newcomer: &Newcomer,
        policy: &Policy,
        cause: &Cause,
    ) -> Result<SessionId> {
        let now = self.clock.now();
        let lifetimes = policy.lifetimes(newcomer.remember_me);
        let foreign = newcomer.foreign.as_ref();
        let session = Session {
            id: SessionId(self.entropy.uuid(now)),
            user_id: user,
            device: newcomer.device.clone(),
            fence: Seq(0),
            created_at: now,
            signed_in_at: foreign.map_or(now, |it| Timestamp::from_seconds(it.signed_in_at)),
            last_active_at: now,
            expires_at: expires_at(lifetimes, now, now),
            remembered: newcomer.remember_me,
            lifetimes,
            address: newcomer.address.clone(),
            user_agent: newcomer.user_agent.clone(),
            jkt: newcomer.jkt.clone(),
            end: None,
        };
        tx.insert_session(&session, foreign).await?;
        tx.record(
            cause,
            Event::SessionStarted {
                session_id: session.id,
                user_id: user,
                device_id: newcomer.device.id,
                device: newcomer.device.label(),
                issuer: foreign.map(|foreign| foreign.identity.issuer.clone()),
            },
        );
        Ok(session.id)
    }

    /// Turns what the door answered into what the newcomer hears.
    pub(super) async fn answer(
        &self,
        mut tx: Tx,
        user: UserId,
        newcomer: Newcomer,
        entry: Entry,
        cause: &Cause,
    ) -> Result<SignInAnswer> {
        let (sessions, at_limit) = match entry {
            Entry::In(session) => {
                Step::Written.reached();
                self.commit(tx).await?;
                return Ok(SignInAnswer::SignedIn(Box::new(self.issue(session).await?)));
            }
            Entry::Full(sessions, at_limit) => (sessions, at_limit),
        };
        if at_limit == AtLimit::Approve && self.could_answer(&mut tx, user, &sessions).await? {
            return self.ask_devices(tx, user, newcomer, sessions, cause).await;
        }
        let seats = seats_taken(&mut tx, &sessions).await?;
        let takeover_token = if at_limit == AtLimit::Reject {
            None
        } else {
            Some(self.offer_seat(&mut tx, user, newcomer).await?)
        };
        // Sessions that were found to be out of time have ended, whatever the answer.
        self.commit(tx).await?;
        Err(Error::SessionLimitReached {
            sessions: seats,
            takeover_token,
        })
    }

    /// A takeover token for a newcomer who has proven who they are.
    async fn offer_seat(&self, tx: &mut Tx, user: UserId, newcomer: Newcomer) -> Result<Bearer> {
        let token = new_bearer(BearerKind::Takeover, self.entropy.as_ref());
        self.keep_offer(tx, &token, user, newcomer).await?;
        Ok(token)
    }

    pub(super) async fn keep_offer(
        &self,
        tx: &mut Tx,
        token: &Bearer,
        user: UserId,
        newcomer: Newcomer,
    ) -> Result<()> {
        let now = self.clock.now();
        let expires_at = now.plus(self.settings.takeover_token_ttl);
        let row = TakeoverRow {
            id: TakeoverRequestId(self.entropy.uuid(now)),
            user_id: user,
            kind: TakeoverKind::Ask,
            state: TakeoverState::Open,
            newcomer,
            in_the_way: Vec::new(),
            expires_at,
            keep_until: expires_at,
            session_id: None,
        };
        tx.insert_takeover(hash(token), &row).await?;
        Ok(())
    }

    /// The newcomer takes the seat.
    pub async fn take_over(&self, token: &Bearer, origin: &Origin) -> Result<SignInAnswer> {
        let mut tx = self.begin().await?;
        let row = tx
            .find_takeover_by_token(hash(token))
            .await?
            .filter(|row| row.kind == TakeoverKind::Ask)
            .ok_or(Error::TokenInvalid)?;
        let user = tx.lock_user(row.user_id).await?;
        // Of two who come with it at once, one finds it gone.
        if !tx.remove_takeover(row.id).await? {
            return Err(Error::TokenInvalid);
        }
        if row.expires_at <= self.clock.now() {
            self.commit(tx).await?;
            return Err(Error::TakeoverExpired {
                takeover_token: None,
            });
        }
        let user = user.ok_or(Error::InvalidCredentials)?;
        if user.status == UserStatus::Suspended {
            return Err(Error::UserSuspended);
        }
        let cause = by_user(row.user_id, origin);
        let (whose, door) = (row.user_id, Door::TakeSeat);
        let seats = tx.lock_seats(whose, row.newcomer.foreign.as_ref()).await?;
        let entry = self
            .enter(&mut tx, whose, seats, &row.newcomer, door, &cause)
            .await?;
        self.answer(tx, row.user_id, row.newcomer, entry, &cause)
            .await
    }
}

/// Who comes to the door, by a password.
pub(super) fn newcomer(device: Device, remember_me: bool, origin: &Origin) -> Newcomer {
    Newcomer {
        device,
        remember_me,
        address: origin.address.map(|address| address.to_string()),
        user_agent: origin.user_agent.clone(),
        foreign: None,
        jkt: origin.jkt.clone(),
    }
}

/// The cause of what a user does.
pub(super) fn by_user(user: UserId, origin: &Origin) -> Cause {
    Cause {
        actor: Actor::User(user),
        initiating_entity: InitiatingEntity::User,
        request_id: origin.request_id.clone(),
        address: origin.address.map(|address| address.to_string()),
    }
}

/// What a newcomer may see of those who have the seats.
pub(super) async fn seats_taken(tx: &mut Tx, sessions: &[SessionId]) -> Result<Vec<SeatTaken>> {
    let mut seats = Vec::with_capacity(sessions.len());
    for id in sessions {
        if let Some(session) = tx.find_session(*id).await? {
            seats.push(SeatTaken {
                device_name: session.device.name,
                platform: session.device.platform,
                last_active_at: session.last_active_at,
            });
        }
    }
    Ok(seats)
}
