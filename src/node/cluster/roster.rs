//! Where nodes sign in to be counted: a trait, since a node writes nothing itself. It may not know
//! what is done with the list.

use futures::future::BoxFuture;

use crate::domain::error::Error;
use crate::domain::id::NodeId;
use crate::domain::presence::PresenceChange;
use crate::domain::progress::{Listed, Membership};

/// What a question to the roster answers.
type Answer<'a> = BoxFuture<'a, Result<Listed, Error>>;

/// The list of nodes.
pub trait Roster: Send + Sync {
    /// This node.
    fn id(&self) -> NodeId;

    /// What people call this node.
    fn name(&self) -> &str;

    /// Says that this node lives, does what it says besides, and answers who is there. What it says is
    /// committed before it answers: whoever reads the list after a commit finds every node that could
    /// have missed that commit.
    fn check_in<'a>(&'a self, said: &'a Membership) -> Answer<'a>;

    /// Who is there.
    fn nodes(&self) -> Answer<'_>;

    /// Says whom this node holds; only once it is on the list.
    fn report<'a>(&'a self, change: &'a PresenceChange) -> BoxFuture<'a, Result<(), Error>>;
}

/// The list of a node that has no company, and needs nobody's leave to decide.
pub struct Alone;

impl Roster for Alone {
    fn id(&self) -> NodeId {
        NodeId(uuid::Uuid::nil())
    }

    fn name(&self) -> &'static str {
        "self"
    }

    fn check_in<'a>(&'a self, _: &'a Membership) -> Answer<'a> {
        self.nodes()
    }

    fn nodes(&self) -> Answer<'_> {
        Box::pin(std::future::ready(Ok(Listed {
            nodes: Vec::new(),
            on_duty: Some(self.id()),
        })))
    }

    fn report<'a>(&'a self, _: &'a PresenceChange) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
