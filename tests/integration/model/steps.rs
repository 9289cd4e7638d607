//! What may happen next, and what comes of it. It may not know what has to hold.
//!
//! Each step but the passing of time is a place in the sources, which names it: what lies between two such places
//! happens to others meanwhile.

use super::world::{
    Connection, Event, LEASE, NODES, PLACE, Read, Seq, Stage, Token, Verdict, Wish, World, live,
    rights,
};

/// A step; the number is the writer's or the node's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Lock(usize),
    Look(usize),
    Append(usize),
    Commit(usize),
    ReadHead(usize),
    ReadRights(usize),
    List(usize),
    Settle(usize),
    /// A letter of the bus comes to a node.
    Take(usize, (Seq, Seq)),
    CheckIn(usize),
    FindHead(usize),
    Renew(usize),
    Register,
    Check,
    /// A tick.
    Wait,
}

/// The names of those that the sources have.
pub(super) const NAMES: [&str; 14] = [
    "Lock",
    "Look",
    "Append",
    "Commit",
    "ReadHead",
    "ReadRights",
    "List",
    "Settle",
    "Take",
    "CheckIn",
    "FindHead",
    "Renew",
    "Register",
    "Check",
];

/// A rule that the model can do without, to show that it would notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Rule {
    LockThenLook,
    HeadThenRights,
    RegisterThenCheck,
    NextInOrder,
    Lease,
    CheckInThenRead,
    ListAfterCommit,
}

/// A setting: which rule is missing, if any, and whether time passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub(super) without: Option<Rule>,
    pub(super) time: bool,
}

impl Ways {
    pub(super) fn has(self, rule: Rule) -> bool {
        self.without != Some(rule)
    }
}

impl World {
    /// What may happen.
    pub(super) fn possible(&self, ways: Ways, steps: &mut Vec<Step>) {
        for number in 0..self.writers.len() {
            steps.extend(self.next_of_writer(ways, number));
        }
        for node in NODES {
            self.next_of_node(ways, node, steps);
        }
        match self.connection {
            Connection::Away if ways.has(Rule::RegisterThenCheck) => steps.push(Step::Register),
            Connection::Away | Connection::Registered { .. } => steps.push(Step::Check),
            Connection::Checked => steps.push(Step::Register),
            Connection::Open { .. } | Connection::Refused | Connection::Closed => {}
        }
        if ways.time {
            steps.push(Step::Wait);
        }
    }

    fn next_of_writer(&self, ways: Ways, number: usize) -> Option<Step> {
        let writer = &self.writers[number];
        let locks_user = writer.wish != Wish::Change;
        let is_free = !locks_user || self.user_held_by.is_none();
        let looks_first = !ways.has(Rule::LockThenLook);
        match writer.at {
            Stage::Idle if looks_first => Some(Step::Look(number)),
            Stage::Idle => is_free.then_some(Step::Lock(number)),
            Stage::Locked if looks_first => self.append_of(number),
            Stage::Locked => Some(Step::Look(number)),
            Stage::Looked if looks_first => is_free.then_some(Step::Lock(number)),
            Stage::Looked => self.append_of(number),
            Stage::Appended => Some(Step::Commit(number)),
            Stage::Committed(seq) => Some(match writer.wish {
                Wish::Enter(_) | Wish::EnterIfFree(_) if ways.has(Rule::HeadThenRights) => {
                    Step::ReadHead(number)
                }
                Wish::Enter(_) | Wish::EnterIfFree(_) => Step::ReadRights(number),
                Wish::End(_) | Wish::Change if ways.has(Rule::ListAfterCommit) => {
                    Step::List(number)
                }
                Wish::End(_) | Wish::Change => return self.settle_of(number, seq),
            }),
            Stage::Half(_) if ways.has(Rule::HeadThenRights) => Some(Step::ReadRights(number)),
            Stage::Half(_) => Some(Step::ReadHead(number)),
            Stage::Listed(seq) => self
                .settle_of(number, seq)
                .or(ways.time.then_some(Step::List(number))),
            Stage::Settled { .. } | Stage::Done => None,
        }
    }

    /// The row of the head is held by one at a time.
    fn append_of(&self, number: usize) -> Option<Step> {
        let held = self.writers.iter().any(|it| it.at == Stage::Appended);
        (!held).then_some(Step::Append(number))
    }

    fn settle_of(&self, number: usize, seq: Seq) -> Option<Step> {
        let node = self.writers[number].node;
        let here = self.nodes[node].position() >= seq;
        let there = self.nodes[1 - node].position() >= seq || self.nodes[node].peer_lost;
        (here && there).then_some(Step::Settle(number))
    }

    fn next_of_node(&self, ways: Ways, number: usize, steps: &mut Vec<Step>) {
        let node = &self.nodes[number];
        let reads_first = !ways.has(Rule::CheckInThenRead);
        match node.read {
            Read::Nothing => {
                for letter in &self.letters {
                    if letter.1 > node.position() {
                        steps.push(Step::Take(number, *letter));
                    }
                }
                steps.push(if reads_first {
                    Step::FindHead(number)
                } else {
                    Step::CheckIn(number)
                });
            }
            Read::CheckedIn { .. } => steps.push(Step::FindHead(number)),
            Read::HeadFound { .. } => steps.push(Step::Renew(number)),
        }
    }

    /// What comes of a step.
    pub(super) fn take(&mut self, ways: Ways, step: Step) {
        match step {
            Step::Lock(number) => self.lock(ways, number),
            Step::Look(number) => self.look(ways, number),
            Step::Append(number) => self.writers[number].at = Stage::Appended,
            Step::Commit(number) => self.commit(number),
            Step::ReadHead(number) => self.read_half(number, self.log.len(), ways),
            Step::ReadRights(number) => self.read_half(number, rights(&self.log), ways),
            Step::List(number) => self.list(number),
            Step::Settle(number) => self.settle(number),
            Step::Take(node, letter) => self.take_letter(ways, node, letter),
            Step::CheckIn(node) => {
                self.check_in(node);
                self.nodes[node].read = Read::CheckedIn { age: 0 };
            }
            Step::FindHead(node) => self.find_head(node),
            Step::Renew(node) => self.renew(ways, node),
            Step::Register => {
                self.connection = match self.connection {
                    Connection::Checked => Connection::Open { told: false },
                    _ => Connection::Registered { told: false },
                }
            }
            Step::Check => self.check(ways),
            Step::Wait => self.pass_time(),
        }
    }

    fn lock(&mut self, ways: Ways, number: usize) {
        let writer = &mut self.writers[number];
        if writer.wish != Wish::Change {
            self.user_held_by = Some(number);
        }
        writer.at = Stage::Locked;
        if writer.planned.is_empty() && !ways.has(Rule::LockThenLook) {
            self.give_up(number);
        }
    }

    fn look(&mut self, ways: Ways, number: usize) {
        let live = live(&self.log);
        let writer = &mut self.writers[number];
        writer.planned = match writer.wish {
            Wish::Enter(session) => {
                let evicted = live.into_iter().map(Event::Ended);
                evicted.chain([Event::Started(session)]).collect()
            }
            Wish::EnterIfFree(session) if live.is_empty() => vec![Event::Started(session)],
            Wish::End(session) if live.contains(&session) => vec![Event::Ended(session)],
            Wish::EnterIfFree(_) | Wish::End(_) => Vec::new(),
            Wish::Change => vec![Event::Rights],
        };
        writer.at = Stage::Looked;
        if writer.planned.is_empty() && ways.has(Rule::LockThenLook) {
            self.give_up(number);
        }
    }

    fn give_up(&mut self, number: usize) {
        self.release_user(number);
        self.writers[number].at = Stage::Done;
    }

    fn release_user(&mut self, number: usize) {
        if self.user_held_by == Some(number) {
            self.user_held_by = None;
        }
    }

    fn commit(&mut self, number: usize) {
        let first = self.log.len() + 1;
        let planned = std::mem::take(&mut self.writers[number].planned);
        self.log.extend(planned);
        self.letters.push((first, self.log.len()));
        self.release_user(number);
        self.writers[number].at = Stage::Committed(self.log.len());
    }

    /// Reads half of what a token says; with the other half it is issued.
    fn read_half(&mut self, number: usize, value: usize, ways: Ways) {
        let writer = &mut self.writers[number];
        let Stage::Half(other) = writer.at else {
            writer.at = Stage::Half(value);
            return;
        };
        let (as_of, rights) = if ways.has(Rule::HeadThenRights) {
            (other, value)
        } else {
            (value, other)
        };
        writer.at = Stage::Done;
        if let Wish::Enter(session) | Wish::EnterIfFree(session) = writer.wish {
            self.tokens.push(Token {
                session,
                as_of,
                rights,
            });
            self.tokens.sort_by_key(|it| it.session);
        }
    }

    fn list(&mut self, number: usize) {
        self.observe(self.writers[number].node);
        let writer = &mut self.writers[number];
        if let Stage::Committed(seq) = writer.at {
            writer.at = Stage::Listed(seq);
        }
    }

    /// A node sees whether the other's beat has grown.
    fn observe(&mut self, number: usize) {
        let has_beaten = std::mem::take(&mut self.nodes[1 - number].has_beaten);
        let node = &mut self.nodes[number];
        if has_beaten {
            node.peer_seen = 0;
        }
        node.peer_lost = node.peer_seen > LEASE;
    }

    fn settle(&mut self, number: usize) {
        let node = self.writers[number].node;
        if let Stage::Committed(seq) | Stage::Listed(seq) = self.writers[number].at {
            let lost = self.nodes[1 - node].position() < seq;
            self.writers[number].at = Stage::Settled { seq, lost };
        }
    }

    fn take_letter(&mut self, ways: Ways, node: usize, (first, last): (Seq, Seq)) {
        let next = self.nodes[node].position() + 1;
        // What is missing before it is read from the log; what was applied is left out.
        let from = if ways.has(Rule::NextInOrder) {
            next
        } else {
            first
        };
        self.apply(node, from, last);
    }

    fn apply(&mut self, node: usize, first: Seq, last: Seq) {
        self.nodes[node].applied.extend(first..=last);
        if node != PLACE || first > last {
            return;
        }
        let verdict = self.verdict(node, self.tokens[0]);
        let (Connection::Registered { told } | Connection::Open { told }) = &mut self.connection
        else {
            return;
        };
        match verdict {
            Verdict::Good => {}
            Verdict::Stale => *told = true,
            Verdict::Ended => self.connection = Connection::Closed,
        }
    }

    fn check_in(&mut self, node: usize) {
        self.nodes[node].has_beaten = true;
        self.observe(node);
    }

    fn find_head(&mut self, node: usize) {
        let head = self.log.len();
        let node = &mut self.nodes[node];
        let age = match node.read {
            Read::CheckedIn { age } => age,
            Read::Nothing | Read::HeadFound { .. } => 0,
        };
        node.read = Read::HeadFound { age, head };
    }

    fn renew(&mut self, ways: Ways, number: usize) {
        let Read::HeadFound { age, head } = self.nodes[number].read else {
            return;
        };
        self.apply(number, self.nodes[number].position() + 1, head);
        let mut read_at = age;
        if !ways.has(Rule::CheckInThenRead) {
            self.check_in(number);
            read_at = 0;
        }
        let node = &mut self.nodes[number];
        node.renewed = node.renewed.min(read_at);
        node.read = Read::Nothing;
    }

    fn check(&mut self, ways: Ways) {
        if !self.decides(ways, PLACE) {
            self.connection = Connection::Refused;
            return;
        }
        let verdict = self.verdict(PLACE, self.tokens[0]);
        self.connection = match (verdict, self.connection) {
            (Verdict::Ended, _) => Connection::Refused,
            (Verdict::Stale, _) => Connection::Open { told: true },
            (Verdict::Good, Connection::Registered { told }) => Connection::Open { told },
            (Verdict::Good, _) => Connection::Checked,
        };
    }

    /// Whether a node says anything about a token.
    pub(super) fn decides(&self, ways: Ways, node: usize) -> bool {
        self.nodes[node].is_leased() || !ways.has(Rule::Lease)
    }

    fn pass_time(&mut self) {
        for node in &mut self.nodes {
            node.renewed = (node.renewed + 1).min(LEASE);
            node.peer_seen = (node.peer_seen + 1).min(LEASE + 1);
            if let Read::CheckedIn { age } | Read::HeadFound { age, .. } = &mut node.read {
                *age = (*age + 1).min(LEASE);
            }
        }
    }
}
