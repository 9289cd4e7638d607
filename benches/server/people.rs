//! Whoever is connected and told: people of one group, each signed in on a device, made over REST.

use serde_json::{Value, json};

use crate::failure::{Outcome, unexpected};
use crate::http::{Client, bearer, request};
use crate::load::{Calls, Done, Load};

const CONNECTIONS: usize = 16;

/// Somebody who is signed in.
#[derive(Clone)]
pub(crate) struct Person {
    /// The user's id.
    pub(crate) user: String,
    /// The session's.
    pub(crate) session: String,
    /// The access token.
    pub(crate) token: String,
    /// The refresh token.
    pub(crate) refresh: String,
}

/// Where people are made.
pub(crate) struct Maker<'a> {
    /// `host:port`.
    pub(crate) address: &'a str,
    /// An administrator's key.
    pub(crate) key: &'a str,
    /// The process that calls.
    pub(crate) load: &'a mut Load,
}

impl Maker<'_> {
    /// A group of this name; its id.
    pub(crate) fn group(&self, name: &str) -> Outcome<String> {
        let body = json!({ "name": name, "permissions": ["reports:read"] });
        let mut client = Client::new(self.address, self.key);
        text(
            &client.call("POST", "/v1/groups", Some(&body))?.json()?,
            "id",
        )
    }

    /// So many people of these groups, whose names begin alike, each signed in once.
    pub(crate) fn people(
        &mut self,
        name: &str,
        count: usize,
        groups: &[&str],
    ) -> Outcome<Vec<Person>> {
        let bodies = (0..count).map(|number| {
            let body = json!({ "username": format!("{name}-{number}"), "groups": groups });
            ("/v1/users".to_owned(), body)
        });
        let made = self.post_all(bodies)?;
        let users = made.bodies.iter().map(|it| text(&parse(it)?, "id"));
        let users = users.collect::<Outcome<Vec<_>>>()?;
        self.sign_in(&users)
    }

    /// Signs these users in, each on a device of its own.
    pub(crate) fn sign_in(&mut self, users: &[String]) -> Outcome<Vec<Person>> {
        let signed_in = self.post_all(users.iter().map(|user| session_of(user)))?;
        let people = users.iter().zip(&signed_in.bodies);
        people.map(|(user, answer)| person(user, answer)).collect()
    }

    fn post_all(&mut self, calls: impl Iterator<Item = (String, Value)>) -> Outcome<Done> {
        let bearer = bearer(self.key);
        let requests = calls.map(|(path, body)| {
            let body = body.to_string();
            request("POST", &path, self.address, &bearer, Some(&body))
        });
        self.load.run(&Calls {
            address: self.address.to_owned(),
            connections: CONNECTIONS,
            requests: requests.collect(),
            seconds: None,
            keep: true,
        })
    }
}

/// The call that signs a user in for a back end: path and body.
pub(crate) fn session_of(user: &str) -> (String, Value) {
    let device = json!({ "id": user, "name": "phone", "platform": "ios" });
    let body = json!({ "device": device });
    (format!("/v1/users/{user}/sessions"), body)
}

/// Who was signed in by this answer.
pub(crate) fn person(user: &str, answer: &str) -> Outcome<Person> {
    let answer = parse(answer)?;
    Ok(Person {
        user: user.to_owned(),
        session: text(&answer, "session_id")?,
        token: text(&answer, "access_token")?,
        refresh: text(&answer, "refresh_token")?,
    })
}

fn parse(text: &str) -> Outcome<Value> {
    Ok(serde_json::from_str(text)?)
}

/// A text of an answer.
pub(crate) fn text(answer: &Value, name: &str) -> Outcome<String> {
    let value = answer[name].as_str().map(str::to_owned);
    value.ok_or_else(|| unexpected(format!("no `{name}` in {answer}")))
}
