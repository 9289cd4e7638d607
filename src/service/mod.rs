//! A stand-in with the signatures of the writing side, until it is merged.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason
)]

use std::net::IpAddr;

use uuid::Uuid;

use crate::domain::access::{Cause, Scope};
use crate::domain::clock::Timestamp;
use crate::domain::device::Device;
use crate::domain::error::Error;
use crate::domain::event::LogEntry;
use crate::domain::group::Group;
use crate::domain::id::{ApiKeyId, DeviceId, GroupId, Seq, SessionId, TakeoverRequestId, UserId};
use crate::domain::message::NoticeContent;
use crate::domain::policy::{Policy, PolicyScope};
use crate::domain::secret::{Bearer, Password};
use crate::domain::session::Session;
use crate::domain::user::{NewUser, User};
use sessionwire_guard::Claims;

#[derive(Clone)]
pub struct Core;

#[derive(Clone, Debug)]
pub struct Call {
    pub cause: Cause,
    pub mode: Mode,
    pub power: Power,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Commit,
    DryRun,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    Full,
    SparesAdministrators,
}
pub struct Done<T> {
    pub value: T,
    pub effect: Effect,
}
pub enum Effect {
    Committed(Change),
    Previewed(Reach),
}
pub struct Change {
    pub seq: Seq,
    pub changed: bool,
    pub sessions_ended: u64,
}
pub struct Reach {
    pub users: Vec<UserId>,
    pub sessions: Vec<SessionId>,
    pub tokens_until: Timestamp,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    pub after: Option<Uuid>,
    pub limit: u32,
}
pub struct Slice<T> {
    pub items: Vec<T>,
    pub next: Option<Uuid>,
}
pub struct UserView {
    pub user: User,
    pub groups: Vec<String>,
    pub permissions: Vec<String>,
}
pub struct GroupView {
    pub group: Group,
    pub member_count: u64,
}
pub struct DeviceView {
    pub device: Device,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub session_id: Option<SessionId>,
}
pub struct PolicyView {
    pub scope: PolicyScope,
    pub policy: Policy,
}
pub struct ApiKeyView {
    pub id: ApiKeyId,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: Timestamp,
    pub revoked_at: Option<Timestamp>,
}
pub struct SigningKeyView {
    pub kid: String,
    pub algorithm: sessionwire_guard::Algorithm,
    pub created_at: Timestamp,
    pub signs_from: Timestamp,
    pub listed_until: Option<Timestamp>,
}
pub struct AuditEntry {
    pub entry: LogEntry,
    pub actor_type: String,
    pub actor_id: Option<Uuid>,
    pub request_id: Option<String>,
    pub address: Option<String>,
}
pub struct SignedIn {
    pub session: Session,
    pub user: UserView,
    pub access_token: String,
    pub expires_in_s: u64,
    pub refresh_token: Bearer,
}
pub enum SignInAnswer {
    SignedIn(Box<SignedIn>),
    Pending {
        request_id: TakeoverRequestId,
        request_token: Bearer,
        expires_at: Timestamp,
        poll_after_ms: u64,
    },
}
pub struct Origin {
    pub address: Option<IpAddr>,
    pub user_agent: Option<String>,
    pub request_id: Option<String>,
}
pub struct SignIn {
    pub username: String,
    pub password: Password,
    pub device: Device,
    pub remember_me: bool,
}
pub struct UserPatch {
    pub username: Option<String>,
    pub display_name: Option<String>,
    pub external_id: Option<Option<String>>,
    pub password: Option<Password>,
    pub groups: Option<Vec<String>>,
}
pub struct NewGroup {
    pub name: String,
    pub permissions: Vec<String>,
    pub priority: i32,
}
pub struct GroupPatch {
    pub name: Option<String>,
    pub priority: Option<i32>,
    pub permissions: Option<Vec<String>>,
}
pub struct MembersChanged {
    pub added: u64,
    pub removed: u64,
}
pub struct SessionFilter {
    pub user_id: Option<UserId>,
    pub device_id: Option<DeviceId>,
    pub live: Option<bool>,
}
pub enum NoticeTarget {
    User(UserId),
    Group(GroupId),
}
pub struct EventQuery {
    pub after: Seq,
    pub kind: Option<String>,
    pub user_id: Option<UserId>,
    pub limit: u32,
}
pub struct IdempotencyTicket;
pub enum Idempotent {
    Fresh(IdempotencyTicket),
    Replay { status: u16, body: String },
}

impl Core {
    pub async fn sign_in(&self, _attempt: SignIn, _origin: &Origin) -> Result<SignInAnswer, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn take_over(
        &self,
        _token: &Bearer,
        _origin: &Origin,
    ) -> Result<SignInAnswer, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn poll_request(&self, _token: &Bearer) -> Result<SignInAnswer, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn refresh(&self, _token: &Bearer, _origin: &Origin) -> Result<SignedIn, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn find_user(&self, _id: UserId) -> Result<UserView, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn change_password(
        &self,
        _call: &Call,
        _user: UserId,
        _keep: SessionId,
        _current: Password,
        _new: Password,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn sign_out(&self, _call: &Call, _session: SessionId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn sign_out_everywhere(
        &self,
        _call: &Call,
        _user: UserId,
        _except: Option<SessionId>,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn end_own_session(
        &self,
        _call: &Call,
        _user: UserId,
        _session: SessionId,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_devices(&self, _user: UserId) -> Result<Vec<DeviceView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn revoke_device(
        &self,
        _call: &Call,
        _user: UserId,
        _device: DeviceId,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn issue_ticket(&self, _claims: &Claims) -> Result<(Bearer, Timestamp), Error> {
        Err(Error::CannotDecide)
    }

    pub async fn redeem_ticket(&self, _ticket: &Bearer) -> Result<Claims, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn note_presented(&self, _claims: &Claims) -> Result<(), Error> {
        Err(Error::CannotDecide)
    }

    pub async fn record_activity(&self, _session: SessionId) -> Result<(), Error> {
        Err(Error::CannotDecide)
    }

    pub async fn answer_takeover(
        &self,
        _request: TakeoverRequestId,
        _session: SessionId,
        _allow: bool,
        _origin: &Origin,
    ) -> Result<(), Error> {
        Err(Error::CannotDecide)
    }

    pub async fn find_session(&self, _id: SessionId) -> Result<Option<Session>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_users(
        &self,
        _search: Option<&str>,
        _page: Page,
    ) -> Result<Slice<UserView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn create_user(&self, _call: &Call, _new: NewUser) -> Result<Done<UserView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn update_user(
        &self,
        _call: &Call,
        _id: UserId,
        _patch: UserPatch,
    ) -> Result<Done<UserView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn delete_user(&self, _call: &Call, _id: UserId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn suspend_user(&self, _call: &Call, _id: UserId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn resume_user(&self, _call: &Call, _id: UserId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_groups(
        &self,
        _search: Option<&str>,
        _page: Page,
    ) -> Result<Slice<GroupView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn find_group(&self, _id: GroupId) -> Result<GroupView, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn create_group(
        &self,
        _call: &Call,
        _new: NewGroup,
    ) -> Result<Done<GroupView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn update_group(
        &self,
        _call: &Call,
        _id: GroupId,
        _patch: GroupPatch,
    ) -> Result<Done<GroupView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn delete_group(&self, _call: &Call, _id: GroupId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn set_permissions(
        &self,
        _call: &Call,
        _id: GroupId,
        _permissions: Vec<String>,
    ) -> Result<Done<GroupView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_members(
        &self,
        _group: GroupId,
        _page: Page,
    ) -> Result<Slice<UserView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn add_member(
        &self,
        _call: &Call,
        _group: GroupId,
        _user: UserId,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn remove_member(
        &self,
        _call: &Call,
        _group: GroupId,
        _user: UserId,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn change_members(
        &self,
        _call: &Call,
        _group: GroupId,
        _add: Vec<UserId>,
        _remove: Vec<UserId>,
    ) -> Result<Done<MembersChanged>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_sessions(
        &self,
        _filter: SessionFilter,
        _page: Page,
    ) -> Result<Slice<Session>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn end_session(&self, _call: &Call, _id: SessionId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn end_user_sessions(&self, _call: &Call, _user: UserId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn start_session(
        &self,
        _call: &Call,
        _user: UserId,
        _device: Device,
        _remember_me: bool,
        _origin: &Origin,
    ) -> Result<SignInAnswer, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn send_notice(
        &self,
        _call: &Call,
        _to: NoticeTarget,
        _content: NoticeContent,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_policies(&self) -> Result<Vec<PolicyView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn find_policy(&self, _scope: PolicyScope) -> Result<Policy, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn put_policy(
        &self,
        _call: &Call,
        _scope: PolicyScope,
        _policy: Policy,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn remove_policy(
        &self,
        _call: &Call,
        _scope: PolicyScope,
    ) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_events(
        &self,
        _query: EventQuery,
    ) -> Result<(Vec<AuditEntry>, Option<Seq>), Error> {
        Err(Error::CannotDecide)
    }

    pub async fn create_api_key(
        &self,
        _call: &Call,
        _name: String,
        _scopes: Vec<Scope>,
    ) -> Result<(ApiKeyView, Bearer), Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_api_keys(&self, _page: Page) -> Result<Slice<ApiKeyView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn revoke_api_key(&self, _call: &Call, _id: ApiKeyId) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn authenticate_api_key(&self, _key: &Bearer) -> Result<ApiKeyView, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn list_signing_keys(&self) -> Result<Vec<SigningKeyView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn rotate_signing_key(&self, _call: &Call) -> Result<Done<SigningKeyView>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn jwks(&self) -> Result<serde_json::Value, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn revoke_all(&self, _call: &Call) -> Result<Done<()>, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn begin_idempotent(
        &self,
        _caller: &str,
        _path: &str,
        _key: &str,
        _body: &[u8],
    ) -> Result<Idempotent, Error> {
        Err(Error::CannotDecide)
    }

    pub async fn finish_idempotent(
        &self,
        _ticket: IdempotencyTicket,
        _status: u16,
        _body: &str,
    ) -> Result<(), Error> {
        Err(Error::CannotDecide)
    }
}
