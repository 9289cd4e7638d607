//! What administrators, services and people do meanwhile, all at once and at any node. It may not know what is
//! broken at the moment.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::history::{Check, End, Recorder};
use super::schedule::{Dice, NODES};
use super::world::World;

/// Users; each may have so many sessions.
pub(super) const USERS: usize = 5;
pub(super) const SESSIONS_MAX: usize = 3;
/// Devices of a user, more than sessions.
const DEVICES: usize = 5;
/// Questions that a node is asked at once.
const QUESTIONS: usize = 12;

/// A session as its holder knows it.
#[derive(Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) token: String,
    refresh: String,
    /// By somebody who ended it, and had an answer.
    ended: bool,
}

/// Everybody at work.
#[derive(Clone)]
pub(super) struct Load {
    pub(super) world: Arc<World>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) users: Arc<Vec<String>>,
    pub(super) group: Arc<str>,
    sessions: Arc<Mutex<Vec<Session>>>,
    questions: Arc<Vec<Arc<Semaphore>>>,
    over: watch::Receiver<bool>,
}

impl Load {
    /// The users, their group and their policy.
    pub(super) async fn prepare(world: Arc<World>, over: watch::Receiver<bool>) -> Self {
        let group = json!({ "name": "analysts", "permissions": ["reports:read"] });
        let group = world.insist("POST", "/v1/groups", group).await;
        let mut users = Vec::new();
        for number in 0..USERS {
            let user = json!({ "username": format!("user-{number}") });
            let user = world.insist("POST", "/v1/users", user).await;
            users.push(user["id"].as_str().unwrap().to_owned());
        }
        let policy = json!({
            "max_sessions": SESSIONS_MAX, "count_by": "user", "at_limit": "evict_oldest",
        });
        world.insist("PUT", "/v1/policies/default", policy).await;
        let questions = (0..NODES).map(|_| Arc::new(Semaphore::new(QUESTIONS)));
        Self {
            world,
            recorder: Arc::new(Recorder::new()),
            users: Arc::new(users),
            group: group["id"].as_str().unwrap().into(),
            sessions: Arc::default(),
            questions: Arc::new(questions.collect()),
            over,
        }
    }

    /// Everybody works until it is over.
    pub(super) async fn run(&self, dice: &mut Dice) {
        let mut work = JoinSet::new();
        for _ in 0..2 {
            work.spawn(self.clone().sign_in(dice.another()));
            work.spawn(self.clone().end(dice.another()));
            work.spawn(self.clone().ask(dice.another()));
        }
        work.spawn(self.clone().refresh(dice.another()));
        work.spawn(self.clone().move_members(dice.another()));
        while let Some(done) = work.join_next().await {
            done.unwrap();
        }
    }

    pub(super) fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    /// A new session on this device, if that can be had at the moment.
    pub(super) async fn session(&self, node: usize, user: usize, device: usize) -> Option<Session> {
        let path = format!("/v1/users/{}/sessions", self.users[user]);
        let id = Uuid::from_u128(u128::try_from(user * 100 + device + 1).unwrap());
        let device = json!({ "id": id, "name": "device", "platform": "other" });
        let body = json!({ "device": device });
        let (_, answer) = self.world.ask(node, "POST", &path, None, body).await?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Some(Session {
            id: text("session_id")?,
            token: text("access_token")?,
            refresh: text("refresh_token")?,
            ended: false,
        })
    }

    async fn sign_in(self, mut dice: Dice) {
        while !self.is_over() {
            let (node, user) = (dice.below(NODES), dice.below(USERS));
            let made = self.session(node, user, dice.below(DEVICES)).await;
            self.sessions.lock().extend(made);
            pause(40).await;
        }
    }

    /// One of the last sessions for which this is so.
    fn pick(&self, dice: &mut Dice, fits: impl Fn(&Session) -> bool) -> Option<Session> {
        let sessions = self.sessions.lock();
        let last: Vec<&Session> = sessions
            .iter()
            .rev()
            .filter(|it| fits(it))
            .take(15)
            .collect();
        (!last.is_empty()).then(|| last[dice.below(last.len())].clone())
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Session)) {
        let mut sessions = self.sessions.lock();
        change(sessions.iter_mut().find(|it| it.id == id).unwrap());
    }

    async fn end(self, mut dice: Dice) {
        while !self.is_over() {
            pause(60).await;
            let Some(session) = self.pick(&mut dice, |it| !it.ended) else {
                continue;
            };
            self.end_session(dice.below(NODES), &session).await;
        }
    }

    /// Ends a session, and writes down what the answer said.
    pub(super) async fn end_session(&self, node: usize, session: &Session) {
        let path = format!("/v1/sessions/{}?wait_ms=3000", session.id);
        let began = self.recorder.now();
        let answer = self.world.ask(node, "DELETE", &path, None, json!({})).await;
        let Some((200, receipt)) = answer else {
            return;
        };
        let end = End {
            session: session.id.clone(),
            span: self.recorder.span(began),
            everywhere: receipt["nodes"]["applied"] == receipt["nodes"]["live"],
        };
        self.recorder.note(|history| history.ends.push(end));
        let mut sessions = self.sessions.lock();
        if let Some(known) = sessions.iter_mut().find(|it| it.id == session.id) {
            known.ended = true;
        }
    }

    /// Asks all nodes, about those that have ended more than about others, and waits for no answer.
    async fn ask(self, mut dice: Dice) {
        let mut asked = JoinSet::new();
        while !self.is_over() {
            pause(4).await;
            let wanted = dice.below(3) > 0;
            let (node, picked) = (
                dice.below(NODES),
                self.pick(&mut dice, |it| it.ended == wanted),
            );
            let free = Arc::clone(&self.questions[node]).try_acquire_owned();
            let (Some(session), Ok(place)) = (picked, free) else {
                continue;
            };
            let load = self.clone();
            asked.spawn(async move {
                load.check(node, session).await;
                drop(place);
            });
        }
        while asked.join_next().await.is_some() {}
    }

    /// Asks a node about a session's token, and writes down what it said.
    pub(super) async fn check(&self, node: usize, session: Session) {
        let began = self.recorder.now();
        let token = Some(session.token.as_str());
        let answer = self
            .world
            .ask(node, "GET", "/v1/verify", token, json!({}))
            .await;
        let Some((status, body)) = answer else {
            return;
        };
        let refused = body["code"].as_str().unwrap_or_default();
        let known = ["session_ended", "token_stale", "cannot_decide"];
        assert!(status == 200 || known.contains(&refused), "{status} {body}");
        let check = Check {
            session: session.id,
            node,
            span: self.recorder.span(began),
            accepted: status == 200,
        };
        self.recorder.note(|history| history.checks.push(check));
    }

    async fn refresh(self, mut dice: Dice) {
        while !self.is_over() {
            pause(30).await;
            let usable = |it: &Session| !it.ended && !it.refresh.is_empty();
            let Some(session) = self.pick(&mut dice, usable) else {
                continue;
            };
            let body = json!({ "refresh_token": session.refresh });
            let path = "/v1/token/refresh";
            let answer = self
                .world
                .ask(dice.below(NODES), "POST", path, None, body)
                .await;
            let given = |name: &str| match &answer {
                Some((200, body)) => body[name].as_str().unwrap().to_owned(),
                // Whether it was spent is not known.
                Some(_) | None => String::new(),
            };
            let (token, refresh) = (given("access_token"), given("refresh_token"));
            self.change(&session.id, |it| {
                it.refresh.clone_from(&refresh);
                if !token.is_empty() {
                    it.token = token;
                }
            });
            if !refresh.is_empty() {
                let use_of_it = (session.refresh, refresh);
                self.recorder
                    .note(|history| history.refreshed.push(use_of_it));
            }
        }
    }

    async fn move_members(self, mut dice: Dice) {
        while !self.is_over() {
            pause(80).await;
            let user = &self.users[dice.below(USERS)];
            let path = format!("/v1/groups/{}/members/{user}?wait_ms=0", self.group);
            let method = ["PUT", "DELETE"][dice.below(2)];
            let _: Option<(u16, Value)> = self
                .world
                .ask(dice.below(NODES), method, &path, None, json!({}))
                .await;
        }
    }
}

/// Between one thing and the next.
async fn pause(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}
