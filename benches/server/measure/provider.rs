//! People sign in with tokens of an identity provider, which signed them in anew each time: first when nobody here knows
//! them, who are made users by it, and then as those who come back. Each costs a commit at least.

use serde_json::json;

use super::Bench;
use super::sign_in::{CALLS, call, write_down};
use crate::clock;
use crate::failure::Outcome;
use crate::http::request;
use crate::issuer::Issuer;

const MEASURE: &str = "sign-in-provider";

pub(super) fn run(bench: &mut Bench) -> Outcome<()> {
    if bench.recipe.is_none() {
        // It knows nothing of this issuer.
        return Ok(());
    }
    let issuer = Issuer::start()?;
    let setting = Some(issuer.setting());
    bench.started_otherwise(
        |recipe| recipe.issuers = setting,
        |bench| sign_in_all(bench, &issuer),
    )
}

fn sign_in_all(bench: &mut Bench, issuer: &Issuer) -> Outcome<()> {
    for run in 0..bench.options.runs {
        for name in ["nobody knew them", "who came before"] {
            let requests = (0..CALLS).map(|person| sign_in(bench, issuer, run, person));
            let requests = requests.collect::<Outcome<_>>()?;
            let called = call(bench, requests)?;
            write_down(bench, MEASURE, name, &called)?;
        }
    }
    Ok(())
}

/// The call of one person, each run's of its own, always on the same device.
fn sign_in(bench: &Bench, issuer: &Issuer, run: usize, person: usize) -> Outcome<String> {
    let subject = format!("{run}-{person}");
    let token = issuer.token(&subject, &clock::now().to_string())?;
    let id = uuid::Uuid::from_u128(u128::try_from(person).unwrap_or_default() + 1);
    let device = json!({ "id": id, "name": "phone", "platform": "ios" });
    let body = json!({ "token": token, "device": device }).to_string();
    let host = &bench.server.address;
    Ok(request("POST", "/v1/sign-in/token", host, "", Some(&body)))
}
