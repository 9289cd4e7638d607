//! What has to hold in every state of the model, and what has to happen in some. It may not change anything.

use super::TwoNodes;
use super::world::{
    Connection, Event, NODES, PLACE, Read, Seq, Stage, Verdict, Wish, World, live, rights,
};

/// Something that is so or not.
type Condition = fn(&TwoNodes, &World) -> bool;

/// Invariants 1, 2 and 6 of the design, and what else is to be had for nothing: 3 and 7.
pub(super) const ALWAYS: [(&str, Condition); 5] = [
    ("never more sessions than the limit", |_, world| {
        live(&world.log).len() <= 1
    }),
    ("after the receipt no token is accepted", |model, world| {
        let settled = settled(world).map(|(seq, _)| seq).max();
        settled.is_none_or(|seq| !is_outdated_one_accepted(model, world, seq))
    }),
    (
        "an open connection knows what its node knows",
        |_, world| match world.connection {
            Connection::Open { told } => match world.verdict(PLACE, world.tokens[0]) {
                Verdict::Good => true,
                Verdict::Stale => told,
                Verdict::Ended => false,
            },
            _ => true,
        },
    ),
    ("events in order, each once, none skipped", |_, world| {
        let in_order = |applied: &[Seq]| applied.iter().copied().eq(1..=applied.len());
        world.nodes.iter().all(|node| in_order(&node.applied))
    }),
    ("a session ends once", |_, world| {
        let ends = |session| {
            let end = Event::Ended(session);
            world.log.iter().filter(|it| **it == end).count()
        };
        (0..3).all(|session| ends(session) <= 1)
    }),
];

/// What happens in some order; each check says which of them it is about.
pub(super) const SOMETIMES: [(&str, Condition); 13] = [
    ("a session gives way", |_, world| {
        world.log.len() > 2 && world.log[1..3] == [Event::Ended(0), Event::Started(1)]
    }),
    ("a seat is refused", |_, world| {
        world.log.len() == 1 && is_refused(world)
    }),
    ("a seat is free", |_, world| {
        world.log == [Event::Started(0), Event::Ended(0), Event::Started(2)]
    }),
    ("a node is behind a letter", |_, world| {
        let ahead = |first: Seq| world.nodes.iter().any(|it| it.position() + 1 < first);
        world.letters.iter().any(|(first, _)| ahead(*first))
    }),
    ("a receipt counts both nodes", |_, world| {
        settled(world).any(|(_, lost)| !lost)
    }),
    ("a receipt counts a node as lost", |_, world| {
        settled(world).any(|(_, lost)| lost)
    }),
    ("a node that was lost decides again", |_, world| {
        let back = world.nodes[1].is_leased() && world.nodes[1].read == Read::Nothing;
        settled(world).any(|(_, lost)| lost) && back
    }),
    ("only the lease refuses", |model, world| {
        let is_kept = |node: usize| {
            !world.nodes[node].is_leased() && world.verdict(node, world.tokens[0]) == Verdict::Good
        };
        let outdated = |seq| world.is_outdated(world.tokens[0], seq);
        let any = settled(world).any(|(seq, _)| outdated(seq));
        any && NODES.into_iter().any(is_kept) && !world.decides(model.ways, 1)
    }),
    ("a token is stale", |_, world| {
        let verdicts = world.tokens.iter().map(|it| world.verdict(0, *it));
        verdicts.filter(|it| *it == Verdict::Stale).count() > 0
    }),
    ("a token is stale for nothing", |_, world| {
        let is_so = |node: usize| {
            let mut fresh = world.tokens.iter();
            fresh.any(|it| {
                it.rights == rights(&world.log) && world.verdict(node, *it) == Verdict::Stale
            })
        };
        NODES.into_iter().any(is_so)
    }),
    ("an open connection is told", |_, world| {
        world.connection == Connection::Open { told: true }
    }),
    ("an open connection is closed", |_, world| {
        world.connection == Connection::Closed
    }),
    ("a connection is refused", |_, world| {
        world.connection == Connection::Refused
    }),
];

/// The positions of the receipts, and whether they count a node as lost.
fn settled(world: &World) -> impl Iterator<Item = (Seq, bool)> {
    world.writers.iter().filter_map(|it| match it.at {
        Stage::Settled { seq, lost } => Some((seq, lost)),
        _ => None,
    })
}

fn is_refused(world: &World) -> bool {
    let mut writers = world.writers.iter();
    writers.any(|it| matches!(it.wish, Wish::EnterIfFree(_)) && it.at == Stage::Done)
}

fn is_outdated_one_accepted(model: &TwoNodes, world: &World, seq: Seq) -> bool {
    let accepts = |node, token| {
        world.decides(model.ways, node) && world.verdict(node, token) == Verdict::Good
    };
    let mut outdated = world
        .tokens
        .iter()
        .filter(|it| world.is_outdated(**it, seq));
    outdated.any(|token| NODES.into_iter().any(|node| accepts(node, *token)))
}
