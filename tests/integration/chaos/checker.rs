//! Reads a history, and says what in it is not as it was promised. It may not know what was broken meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::history::History;

/// What is promised.
#[derive(Clone, Copy)]
pub(super) struct Promises {
    /// How long after a change a node that decides may not know of it, where no receipt speaks for it.
    pub(super) lease: Duration,
    /// Live sessions of a user.
    pub(super) sessions_max: usize,
}

/// Everything that is wrong.
pub(super) fn violations(history: &History, promises: Promises) -> Vec<String> {
    let mut found = Vec::new();
    tokens_end(history, promises, &mut found);
    the_log_is_whole(history, &mut found);
    sessions_are_counted(history, promises, &mut found);
    each_end_is_one_event(history, &mut found);
    clients_know(history, &mut found);
    refresh_tokens_are_good_once(history, &mut found);
    found
}

/// Invariant 2.
fn tokens_end(history: &History, promises: Promises, found: &mut Vec<String>) {
    for check in history.checks.iter().filter(|check| check.accepted) {
        for end in history
            .ends
            .iter()
            .filter(|end| end.session == check.session)
        {
            let since = if end.everywhere {
                end.span.ended
            } else {
                end.span.ended + promises.lease
            };
            if check.span.began > since {
                found.push(format!(
                    "node {} accepted a token of {} asked at {:?}, which had ended by {since:?}",
                    check.node, check.session, check.span.began
                ));
            }
        }
    }
}

/// Invariant 6, as far as the log shows it.
fn the_log_is_whole(history: &History, found: &mut Vec<String>) {
    for (expected, seq) in (1..).zip(&history.positions) {
        if expected != *seq {
            found.push(format!("the log has {seq} where {expected} is to be"));
            return;
        }
    }
}

/// Invariant 1.
fn sessions_are_counted(history: &History, promises: Promises, found: &mut Vec<String>) {
    let mut live: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for turn in &history.turns {
        let sessions = live.entry(&turn.user).or_default();
        if turn.starts {
            sessions.insert(&turn.session);
        } else {
            sessions.remove(turn.session.as_str());
        }
        if sessions.len() > promises.sessions_max {
            found.push(format!(
                "{} has {} sessions at {}",
                turn.user,
                sessions.len(),
                turn.seq
            ));
        }
    }
}

/// Invariant 7.
fn each_end_is_one_event(history: &History, found: &mut Vec<String>) {
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for turn in history.turns.iter().filter(|turn| !turn.starts) {
        *ends.entry(&turn.session).or_default() += 1;
    }
    for (session, count) in &ends {
        if *count != 1 {
            found.push(format!("{session} ended {count} times"));
        }
    }
    let answered = history.ends.iter().map(|end| &end.session);
    for session in history.ended.iter().chain(answered) {
        if !ends.contains_key(session.as_str()) {
            found.push(format!("{session} has ended, and no event says so"));
        }
    }
}

/// Invariant 3.
fn clients_know(history: &History, found: &mut Vec<String>) {
    for heard in history.heard.iter().filter(|heard| heard.of != heard.named) {
        found.push(format!("a client of {} heard of {}", heard.of, heard.named));
    }
    for rest in &history.rests {
        if history.ended.contains(&rest.session) {
            found.push(format!(
                "a client of {} never heard that it had ended",
                rest.session
            ));
        } else if rest.told != rest.may {
            let (told, may) = (&rest.told, &rest.may);
            found.push(format!(
                "a client of {} was told {told:?}, and may {may:?}",
                rest.session
            ));
        }
    }
}

/// Invariant 4, without the contract's grace: nothing here repeats a question.
fn refresh_tokens_are_good_once(history: &History, found: &mut Vec<String>) {
    let mut answers: BTreeMap<&str, &str> = BTreeMap::new();
    for (spent, given) in &history.refreshed {
        if let Some(before) = answers.insert(spent, given)
            && before != given
        {
            found.push("a refresh token was answered with two different ones".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::history::{Check, End, Heard, Rest, Span, Turn};
    use super::*;

    const PROMISES: Promises = Promises {
        lease: Duration::from_secs(2),
        sessions_max: 1,
    };

    fn at(began: u64, ended: u64) -> Span {
        Span {
            began: Duration::from_secs(began),
            ended: Duration::from_secs(ended),
        }
    }

    fn turn(seq: u64, session: &str, starts: bool) -> Turn {
        Turn {
            seq,
            user: "anna".to_owned(),
            session: session.to_owned(),
            starts,
        }
    }

    /// One session, which ended at ten, in a log without a fault.
    fn good() -> History {
        History {
            checks: [(5, true), (9, true), (11, false)]
                .map(|(began, accepted)| Check {
                    session: "one".to_owned(),
                    node: 1,
                    span: at(began, began + 1),
                    accepted,
                })
                .into(),
            ends: vec![End {
                session: "one".to_owned(),
                span: at(8, 10),
                everywhere: true,
            }],
            positions: vec![1, 2, 3],
            turns: vec![
                turn(1, "one", true),
                turn(2, "one", false),
                turn(3, "two", true),
            ],
            ended: ["one".to_owned()].into(),
            rests: vec![Rest {
                session: "two".to_owned(),
                told: ["a".to_owned()].into(),
                may: ["a".to_owned()].into(),
            }],
            heard: vec![Heard {
                of: "one".to_owned(),
                named: "one".to_owned(),
            }],
            refreshed: vec![("r1".into(), "r2".into()), ("r2".into(), "r3".into())],
        }
    }

    fn wrong(change: impl FnOnce(&mut History)) -> usize {
        let mut history = good();
        change(&mut history);
        violations(&history, PROMISES).len()
    }

    #[test]
    fn nothing_is_wrong_with_a_good_one() {
        assert_eq!(wrong(|_| {}), 0);
        // Without a receipt the lease counts.
        assert_eq!(
            wrong(|it| {
                it.ends[0].everywhere = false;
                it.checks[2].accepted = true;
            }),
            0
        );
    }

    #[test]
    fn each_broken_promise_is_found() {
        assert_eq!(wrong(|it| it.checks[2].accepted = true), 1);
        assert_eq!(
            wrong(|it| {
                it.ends[0].everywhere = false;
                it.checks[2].accepted = true;
                it.checks[2].span = at(13, 14);
            }),
            1
        );
        assert_eq!(wrong(|it| it.positions[1] = 3), 1);
        assert_eq!(wrong(|it| it.positions = vec![2, 3]), 1);
        assert_eq!(wrong(|it| it.turns.insert(1, turn(1, "three", true))), 2);
        assert_eq!(wrong(|it| it.turns.push(turn(4, "one", false))), 1);
        assert_eq!(wrong(|it| drop(it.turns.remove(1))), 3);
        assert_eq!(wrong(|it| it.heard[0].named = "two".to_owned()), 1);
        assert_eq!(wrong(|it| it.rests[0].told.clear()), 1);
        assert_eq!(wrong(|it| it.rests[0].session = "one".to_owned()), 1);
        assert_eq!(wrong(|it| it.refreshed.push(("r1".into(), "r9".into()))), 1);
    }
}
