//! Somebody comes while rights move, on threads of their own: what the client makes of its token and what it hears is
//! what its user may do in the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::support::{joins, leaves};
use super::world::{Client, World};
use crate::domain::message::ServerMessage;
use crate::node::Output;

const ROUNDS: u128 = 3000;

/// What the client takes for its groups.
struct Belief(BTreeSet<String>);

impl Belief {
    fn take(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            let Output::Send(message) = output else {
                continue;
            };
            if let ServerMessage::PermissionsChanged(it) = *message {
                self.0.retain(|name| !it.groups.removed.contains(name));
                self.0.extend(it.groups.added);
            }
        }
    }
}

async fn until_it_knows(client: &mut Client, belief: &mut Belief, truth: &BTreeSet<String>) {
    while !client.0.is_live() || belief.0 != *truth {
        belief.take(client.0.next().await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_comes_while_rights_move_knows_them_in_the_end() {
    let world = Arc::new(World::new([]).await);
    for number in 1..=ROUNDS {
        let first = world.commit([joins(number, "first")]);
        if number % 2 == 0 {
            world.applied(first).await;
        }
        let writer = Arc::clone(&world);
        let moves = tokio::spawn(async move {
            writer.commit([joins(number, "second")]);
            tokio::task::yield_now().await;
            writer.commit([leaves(number, "first")])
        });
        let claims = world.claims(number);
        let mut belief = Belief(claims.groups.iter().cloned().collect());
        let mut client = world.open(claims).await.unwrap();
        world.applied(moves.await.unwrap()).await;
        let truth = BTreeSet::from(["second".to_owned()]);
        let known = until_it_knows(&mut client, &mut belief, &truth);
        let known = timeout(Duration::from_secs(10), known).await;
        assert!(known.is_ok(), "round {number}: it takes {:?}", belief.0);
    }
}
