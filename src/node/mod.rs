//! A stand-in with the signatures of the reading side, until it is merged.
#![allow(
    missing_docs,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason
)]

use std::time::Duration;

use sessionwire_guard::{Claims, Verdict};

use crate::domain::clock::Timestamp;
use crate::domain::error::Error;
use crate::domain::id::{Seq, SessionId, UserId};
use crate::domain::receipt::ConnectionsReached;

#[derive(Clone)]
pub struct Node;

pub struct Settled {
    pub applied: bool,
    pub connections: ConnectionsReached,
}
pub struct Present {
    pub user_id: UserId,
    pub username: String,
    pub connections: u32,
    pub devices: u32,
    pub since: Timestamp,
}

impl Node {
    pub fn check(&self, _token: &str) -> Result<Claims, Error> {
        Err(Error::CannotDecide)
    }
    pub fn check_allowing_stale(&self, _token: &str) -> Result<Claims, Error> {
        Err(Error::CannotDecide)
    }
    pub fn examine(&self, _token: &str) -> Result<(Claims, Verdict), Error> {
        Err(Error::CannotDecide)
    }
    pub async fn settle(&self, _seq: Seq, _wait: Duration) -> Settled {
        Settled {
            applied: false,
            connections: ConnectionsReached::default(),
        }
    }
    pub fn connections_of_session(&self, _session: SessionId, _user: UserId) -> u32 {
        0
    }
    pub fn connections_reached(&self, _users: &[UserId], _sessions: &[SessionId]) -> u64 {
        0
    }
    pub fn presence(&self, _after: Option<UserId>, _limit: u32) -> Vec<Present> {
        Vec::new()
    }
    pub fn is_ready(&self) -> bool {
        false
    }
    pub fn head(&self) -> Seq {
        Seq(0)
    }
}
