//! The REST half of the client: signing in with all its answers, refreshing, signing out.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Value, json};

use super::WatchError;
use super::output::{Output, confirm};

/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// None is larger.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The tokens of a session.
#[derive(Clone)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// A server's REST interface.
pub(super) struct Api {
    url: String,
    http: reqwest::Client,
    current: Mutex<Option<Tokens>>,
}

/// An answer: its status and JSON body.
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn refusal(&self) -> WatchError {
        let code = self.body["code"].as_str().unwrap_or("unexpected answer");
        let detail = self.body["detail"].as_str().unwrap_or_default();
        WatchError::Refused(super::render::clean(&format!("{code}: {detail}")))
    }
}

impl Api {
    pub(super) fn new(url: &str) -> Result<Self, WatchError> {
        let http = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // A password is for the server that was named, and no other.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| WatchError::Unreachable(url.into(), error.to_string()))?;
        Ok(Self {
            url: url.trim_end_matches('/').into(),
            http,
            current: Mutex::new(None),
        })
    }

    /// The address of the socket.
    pub(super) fn socket_url(&self) -> String {
        let rest = self.url.strip_prefix("http").unwrap_or(&self.url);
        format!("ws{rest}/v1/socket")
    }

    async fn post(
        &self,
        path: &str,
        token: Option<&str>,
        body: Value,
    ) -> Result<Answer, WatchError> {
        let unreachable =
            |error: reqwest::Error| WatchError::Unreachable(self.url.clone(), error.to_string());
        let mut request = self.http.post(format!("{}{path}", self.url)).json(&body);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            text.extend_from_slice(&chunk);
            if text.len() > ANSWER_BYTES_MAX {
                let what = "its answer is too long".into();
                return Err(WatchError::Unreachable(self.url.clone(), what));
            }
        }
        Ok(Answer {
            status,
            body: serde_json::from_slice(&text).unwrap_or(Value::Null),
        })
    }

    fn keep(&self, body: &Value) -> Result<Tokens, WatchError> {
        let text = |name: &str| body[name].as_str().map(ToOwned::to_owned);
        let (Some(access), Some(refresh)) = (text("access_token"), text("refresh_token")) else {
            return Err(WatchError::Refused(
                "the server's answer holds no tokens".into(),
            ));
        };
        let tokens = Tokens { access, refresh };
        if let Ok(mut current) = self.current.lock() {
            *current = Some(tokens.clone());
        }
        Ok(tokens)
    }

    /// Exchanges the refresh token. `Ok(Err(..))` says that the session is over.
    pub(super) async fn refresh(&self, tokens: &Tokens) -> Result<Tokens, WatchError> {
        let body = json!({ "refresh_token": tokens.refresh });
        let answer = self.post("/v1/token/refresh", None, body).await?;
        match answer.status {
            200 => self.keep(&answer.body),
            401 => {
                let reason = answer.body["reason"]
                    .as_str()
                    .or(answer.body["code"].as_str());
                Err(WatchError::Over(reason.unwrap_or("refresh refused").into()))
            }
            _ => Err(answer.refusal()),
        }
    }

    /// Signs out.
    pub(super) async fn sign_out(&self) -> Result<(), WatchError> {
        let tokens = self.current.lock().ok().and_then(|current| current.clone());
        if let Some(tokens) = tokens {
            self.post("/v1/sign-out", Some(&tokens.access), json!({}))
                .await?;
        }
        Ok(())
    }
}

/// Signs in; where the seat is taken, asks.
pub(super) async fn sign_in(
    api: &Api,
    body: Value,
    take_over: bool,
    output: &mut Output,
) -> Result<Tokens, WatchError> {
    let mut answer = api.post("/v1/sign-in", None, body).await?;
    loop {
        answer = match answer.status {
            200 => {
                let tokens = api.keep(&answer.body)?;
                output.happened("signed_in", "signed in")?;
                return Ok(tokens);
            }
            202 => wait_for_answer(api, &answer.body, output).await?,
            409 | 410 => offer(api, &answer, take_over).await?,
            _ => return Err(answer.refusal()),
        };
    }
}

async fn wait_for_answer(
    api: &Api,
    pending: &Value,
    output: &mut Output,
) -> Result<Answer, WatchError> {
    output.happened(
        "waiting",
        "waiting for the device that is signed in to answer",
    )?;
    let after = pending["poll_after_ms"]
        .as_u64()
        .unwrap_or(1000)
        .clamp(100, 30_000);
    tokio::time::sleep(Duration::from_millis(after)).await;
    let body = json!({ "request_token": pending["request_token"] });
    api.post("/v1/sign-in/requests", None, body).await
}

async fn offer(api: &Api, answer: &Answer, take_over: bool) -> Result<Answer, WatchError> {
    let Some(token) = answer.body["takeover_token"].as_str() else {
        return Err(WatchError::Refused(format!(
            "{} {}",
            answer.refusal(),
            seats(&answer.body)
        )));
    };
    let question = format!("You are signed in {}. Sign out there?", seats(&answer.body));
    if !take_over && !confirm(question).await {
        return Err(answer.refusal());
    }
    api.post(
        "/v1/sign-in/takeover",
        None,
        json!({ "takeover_token": token }),
    )
    .await
}

fn seats(body: &Value) -> String {
    let sessions = body["sessions"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let names: Vec<&str> = sessions
        .iter()
        .filter_map(|session| session["device_name"].as_str())
        .collect();
    if names.is_empty() {
        "on another device".into()
    } else {
        format!("on {}", names.join(", "))
    }
}
