//! What the model knows: a log, writers, two nodes, tokens and one connection. It may not know in which order
//! anything happens; `steps` says what may.
//!
//! One user, under a policy of one session, signed in once when it begins. Positions count from one; the state of the
//! database is what the log says up to its end, since each change and its events are one commit.

use std::collections::BTreeSet;

/// A position in the log.
pub(super) type Seq = usize;
/// A session, by number; 0 is there from the beginning.
pub(super) type Session = usize;

/// How long a node may decide after it read the log, in ticks.
pub(super) const LEASE: usize = 1;
/// The model's nodes.
pub(super) const NODES: [usize; 2] = [0, 1];

/// An event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Event {
    Started(Session),
    Ended(Session),
    /// The rights of the user changed; how often is all that is known of them.
    Rights,
}

/// What a writer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wish {
    /// A new session of this number, in place of the oldest.
    Enter(Session),
    /// A new session of this number, unless the seat is taken.
    EnterIfFree(Session),
    /// The end of a session, with a receipt.
    End(Session),
    /// Other rights, by a change of a group, which holds no user; with a receipt.
    Change,
}

/// Who writes what, through which node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writer {
    pub(super) wish: Wish,
    pub(super) node: usize,
    pub(super) at: Stage,
    pub(super) planned: Vec<Event>,
}

/// How far a writer has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    Idle,
    Locked,
    Looked,
    /// Holds the row of the head until it commits.
    Appended,
    Committed(Seq),
    /// Of a sign-in: the half of the token that was read.
    Half(usize),
    /// Of a change: the list of nodes was read after the commit.
    Listed(Seq),
    /// The receipt says that every node that lives has applied the position.
    Settled {
        seq: Seq,
        /// Whether it counts the other node as lost.
        lost: bool,
    },
    Done,
}

/// An access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Token {
    pub(super) session: Session,
    pub(super) as_of: Seq,
    /// How many changes of rights it contains.
    pub(super) rights: usize,
}

/// What a node's index says of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Stale,
    Ended,
}

/// What a node does about the log. A frozen node is one that takes no step while time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Read {
    Nothing,
    /// Its beat has grown, so many ticks ago.
    CheckedIn {
        age: usize,
    },
    /// It knows how far the log reaches.
    HeadFound {
        age: usize,
        head: Seq,
    },
}

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Node {
    /// The positions that it has applied, in its order.
    pub(super) applied: Vec<Seq>,
    pub(super) read: Read,
    /// Ticks since the beginning of the read that renewed its lease, up to the lease.
    pub(super) renewed: usize,
    /// Whether its beat has grown since the other node saw the list.
    pub(super) has_beaten: bool,
    /// Ticks since it saw the other's beat first, up to more than a lease.
    pub(super) peer_seen: usize,
    /// Whether it has seen the other's beat stand still for longer than a lease.
    pub(super) peer_lost: bool,
}

/// A connection with the first token, at the second node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Connection {
    Away,
    /// In the hub; its token was not asked about.
    Registered {
        told: bool,
    },
    /// Only without its rule: found good, and not in the hub.
    Checked,
    Open {
        told: bool,
    },
    Refused,
    /// Told of the end when it came.
    Closed,
}

/// Where the connection is.
pub(super) const PLACE: usize = 1;

/// Everything at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) log: Vec<Event>,
    /// First and last position of each commit: what the bus may deliver at any time, in any order, any number of
    /// times, or never.
    pub(super) letters: Vec<(Seq, Seq)>,
    pub(super) user_held_by: Option<usize>,
    pub(super) writers: Vec<Writer>,
    pub(super) nodes: [Node; 2],
    pub(super) tokens: Vec<Token>,
    pub(super) connection: Connection,
}

/// The sessions that live, by the whole log.
pub(super) fn live(log: &[Event]) -> BTreeSet<Session> {
    let mut live = BTreeSet::new();
    for event in log {
        match event {
            Event::Started(session) => {
                live.insert(*session);
            }
            Event::Ended(session) => {
                live.remove(session);
            }
            Event::Rights => {}
        }
    }
    live
}

/// How often the rights have changed in this part of the log.
pub(super) fn rights(log: &[Event]) -> usize {
    log.iter().filter(|it| **it == Event::Rights).count()
}

impl Node {
    fn new() -> Self {
        Self {
            applied: vec![1],
            read: Read::Nothing,
            renewed: 0,
            has_beaten: false,
            peer_seen: 0,
            peer_lost: false,
        }
    }

    /// The last position that was applied.
    pub(super) fn position(&self) -> Seq {
        self.applied.last().copied().unwrap_or(0)
    }

    /// Whether its lease lasts.
    pub(super) fn is_leased(&self) -> bool {
        self.renewed < LEASE
    }
}

impl World {
    /// The first session has a token, and both nodes know it.
    pub(super) fn new(wishes: &[(Wish, usize)]) -> Self {
        let writers = wishes.iter().map(|(wish, node)| Writer {
            wish: *wish,
            node: *node,
            at: Stage::Idle,
            planned: Vec::new(),
        });
        Self {
            log: vec![Event::Started(0)],
            letters: Vec::new(),
            user_held_by: None,
            writers: writers.collect(),
            nodes: [Node::new(), Node::new()],
            tokens: vec![Token {
                session: 0,
                as_of: 1,
                rights: 0,
            }],
            connection: Connection::Away,
        }
    }

    /// What a node's index says, lease or not.
    pub(super) fn verdict(&self, node: usize, token: Token) -> Verdict {
        let known = || {
            self.nodes[node]
                .applied
                .iter()
                .map(|at| (*at, self.log[at - 1]))
        };
        if known().any(|(_, event)| event == Event::Ended(token.session)) {
            Verdict::Ended
        } else if known().any(|(at, event)| at > token.as_of && event == Event::Rights) {
            Verdict::Stale
        } else {
            Verdict::Good
        }
    }

    /// What a token of the log up to a position has to be, whoever asks.
    pub(super) fn is_outdated(&self, token: Token, seq: Seq) -> bool {
        let log = &self.log[..seq];
        log.contains(&Event::Ended(token.session)) || token.rights < rights(log)
    }
}
