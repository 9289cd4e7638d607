//! What a request must be like before a handler sees it: its body, its query, the ids in its path,
//! who asks. Everything that is not so is refused here, with a problem that says what to change.

mod accept;
mod body;
mod caller;
mod client_form;
mod form;
mod path;
mod query;
mod service;
mod user;

pub(super) use accept::accept_json;
pub(super) use body::{Created, Json, NoBody, OptionalJson, given, object, unread};
pub(super) use caller::{Admin, Identity, Scoped, SignedInUser, SignedInUserStale, Who, identify};
pub(super) use client_form::{ClientForm, ClientSecret};
pub(super) use form::Form;
pub(super) use path::Id;
pub(super) use query::{NoQuery, Query, is_dry_run};
pub(super) use service::{AdminCredential, Credential, FeedCredential, FeedService, asked_about};
pub(super) use user::{Member, User, resolved};
