//! Token exchange (RFC 8693): the token of another issuer for a session here, as `/v1/sign-in/token` gives it. It
//! may not know more of that than the way in does.

use std::str::FromStr as _;

use uuid::Uuid;

use super::refusal::Refusal;
use super::token::{Asked, Granted, keyed};
use crate::domain::device::{Device, Platform};
use crate::domain::error::Error;
use crate::domain::id::DeviceId;
use crate::service::Origin;
use crate::transport::rest::RestState;
use crate::transport::rest::sign_in::{PendingBody, settled};

/// The name of the grant.
pub(super) const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// What a token of another issuer may be called.
const SUBJECT_TOKENS: [&str; 3] = [
    ACCESS_TOKEN,
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:jwt",
];

/// How a device is called that did not say.
const NAMELESS: &str = "OAuth client";

pub(super) async fn grant(
    rest: &RestState,
    origin: &Origin,
    grant: Asked,
) -> Result<Granted, Refusal> {
    check(rest, &grant)?;
    let device = device(&grant)?;
    let remember_me = flag("remember_me", grant.remember_me.as_deref())?;
    let token = grant
        .subject_token
        .ok_or_else(|| Refusal::request("`subject_token` is missing"))?;
    let (origin, _) = keyed(rest, origin)?;
    let proof = rest
        .issuers
        .verify(&token, rest.clock.as_ref())
        .await
        .map_err(refused)?;
    let entered = rest
        .core
        .sign_in_by_proof(proof, device, remember_me, &origin)
        .await
        .map_err(refused)?;
    match PendingBody::of(settled(rest, entered).await) {
        Ok(pending) => Err(Refusal::pending(pending)),
        Err(signed_in) => Ok(Granted {
            issued_token_type: Some(ACCESS_TOKEN),
            ..(*signed_in).into()
        }),
    }
}

/// Whether it is asked for in a way that means what we do.
fn check(rest: &RestState, grant: &Asked) -> Result<(), Refusal> {
    let kind = grant.subject_token_type.as_deref();
    if !kind.is_some_and(|kind| SUBJECT_TOKENS.contains(&kind)) {
        return Err(Refusal::request(
            "`subject_token_type` must be that of an access token, an ID token or a JWT",
        ));
    }
    if grant.actor_token.is_some() || grant.actor_token_type.is_some() {
        return Err(Refusal::request(
            "nobody acts for others: leave `actor_token` out",
        ));
    }
    if grant
        .requested_token_type
        .as_deref()
        .is_some_and(|kind| kind != ACCESS_TOKEN)
    {
        return Err(Refusal::request(
            "`requested_token_type` can be that of an access token only",
        ));
    }
    let targets = [&grant.audience, &grant.resource];
    if targets
        .into_iter()
        .flatten()
        .any(|target| target != rest.core.audience())
    {
        return Err(Refusal::asked(
            "invalid_target",
            "tokens are for this server's audience only",
        ));
    }
    if grant.scope.is_some() {
        return Err(Refusal::asked(
            "invalid_scope",
            "what a session may do is what its user may: leave `scope` out",
        ));
    }
    Ok(())
}

/// The device that the session is on; none where the client names none.
fn device(grant: &Asked) -> Result<Option<Device>, Refusal> {
    let Some(id) = &grant.device_id else {
        if grant.device_name.is_some() || grant.device_platform.is_some() {
            return Err(Refusal::request("`device_id` is missing"));
        }
        return Ok(None);
    };
    let id = Uuid::from_str(id).map_err(|_| Refusal::request("`device_id` must be a UUID"))?;
    let platform = match &grant.device_platform {
        None => Platform::Other,
        Some(name) => Platform::ALL
            .into_iter()
            .find(|platform| platform.as_str() == name)
            .ok_or_else(|| Refusal::request("`device_platform` is none that there is"))?,
    };
    Ok(Some(Device {
        id: DeviceId(id),
        name: grant
            .device_name
            .clone()
            .unwrap_or_else(|| NAMELESS.to_owned()),
        platform,
    }))
}

fn flag(name: &str, given: Option<&str>) -> Result<bool, Refusal> {
    match given {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Refusal::request(&format!(
            "`{name}` must be `true` or `false`"
        ))),
    }
}

/// A subject token that is not taken, whatever the cause, is an invalid request (RFC 8693 section 2.2.2).
fn refused(error: Error) -> Refusal {
    match error {
        Error::TokenInvalid
        | Error::TokenExpired
        | Error::SessionEnded(_)
        | Error::SignInTooOld
        | Error::Forbidden(_)
        | Error::UserSuspended => Refusal::of("invalid_request", &error),
        Error::SessionLimitReached { .. } => Refusal::no_seat(&error),
        other => other.into(),
    }
}
