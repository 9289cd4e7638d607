//! Requests of OAuth clients: a form, and an API key in any of the ways in which such clients bring their
//! secret (RFC 6749 section 2.3.1), or as any other service brings it. It may not know what is asked.

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::caller::{Identity, forbidden, recognise, token_of};
use super::form::Form;
use crate::domain::access::{InitiatingEntity, Scope};
use crate::domain::error::Error;
use crate::service::{Call, Mode};
use crate::transport::rest::RestState;
use crate::transport::rest::context::Context;
use crate::transport::rest::problem::Problem;

/// What a client sent, and who it is.
pub(in crate::transport::rest) struct ClientForm<T> {
    pub(in crate::transport::rest) form: T,
    identity: Identity,
    context: Context,
}

/// A form that may bring the client's secret along.
#[derive(Deserialize)]
struct WithSecret<T> {
    client_secret: Option<String>,
    #[serde(flatten)]
    form: T,
}

impl<T> ClientForm<T> {
    /// What was sent, by a client that may do what this scope is for.
    pub(in crate::transport::rest) fn of_service(self, scope: Scope) -> Result<T, Problem> {
        if self.identity.may(scope) {
            Ok(self.form)
        } else {
            Err(forbidden())
        }
    }

    /// What was sent, and how the client's change goes to the core.
    pub(in crate::transport::rest) fn of_writer(self) -> Result<(T, Call), Problem> {
        let power = self.identity.power().ok_or_else(forbidden)?;
        let actor = self.identity.actor();
        let call = Call {
            cause: self.context.cause(actor, InitiatingEntity::Admin),
            mode: Mode::Commit,
            power,
        };
        Ok((self.form, call))
    }
}

impl<T: DeserializeOwned + Send> FromRequest<RestState> for ClientForm<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, rest: &RestState) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let context = Context::from_request_parts(&mut parts, rest).await?;
        let has_header = parts.headers.contains_key(AUTHORIZATION);
        let in_header = has_header.then(|| secret(&parts.headers, rest));
        let in_header = in_header.transpose()?;
        let request = Request::from_parts(parts, body);
        let Form(WithSecret {
            client_secret,
            form,
        }) = Form::from_request(request, rest).await?;
        let key = in_header.or(client_secret).ok_or(Error::TokenMissing)?;
        let identity = recognise(&key, &context.origin(), rest).await?;
        Ok(Self {
            form,
            identity,
            context,
        })
    }
}

/// The secret of the header: `Basic`, with any name and the key as password, or `Bearer`.
fn secret(headers: &HeaderMap, rest: &RestState) -> Result<String, Error> {
    let value = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
    match value.and_then(|value| value.trim().split_once(' ')) {
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
            basic_password(encoded.trim()).ok_or(Error::TokenInvalid)
        }
        _ => Ok(token_of(headers, rest)?.alone()?.to_owned()),
    }
}

/// Name and secret are encoded as in a form before they are joined (RFC 6749 section 2.3.1). Clients that leave
/// that out send no other key: it has nothing in it that means something else when it is decoded.
fn basic_password(encoded: &str) -> Option<String> {
    basic_pair(encoded).map(|(_, password)| password)
}

fn basic_pair(encoded: &str) -> Option<(String, String)> {
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    let (name, password) = pair.split_once(':')?;
    let decoded = |text| percent_decode_str(text).decode_utf8().ok();
    Some((decoded(name)?.into_owned(), decoded(password)?.into_owned()))
}

/// Who a client says that it is at the token endpoint, where it has to name itself.
pub(in crate::transport::rest) struct ClientSecret {
    /// Its id and its secret; none where it gave none that can be read.
    pub(in crate::transport::rest) pair: Option<(String, String)>,
    /// Whether they came in the header.
    pub(in crate::transport::rest) in_header: bool,
}

impl ClientSecret {
    /// From the header, or else from the form, never both.
    pub(in crate::transport::rest) fn of(
        headers: &HeaderMap,
        id: Option<&str>,
        secret: Option<String>,
    ) -> Result<Self, Problem> {
        let mut given = headers.get_all(AUTHORIZATION).iter();
        let in_header = given.next();
        if given.next().is_some() || (in_header.is_some() && secret.is_some()) {
            return Err(Problem::invalid("bring the client's secret once"));
        }
        let from_header = in_header.and_then(|value| {
            let (scheme, encoded) = value.to_str().ok()?.trim().split_once(' ')?;
            let is_basic = scheme.eq_ignore_ascii_case("basic");
            let pair = is_basic.then(|| basic_pair(encoded.trim())).flatten()?;
            id.is_none_or(|id| id == pair.0).then_some(pair)
        });
        let from_form = id.map(str::to_owned).zip(secret);
        Ok(Self {
            pair: from_header.or(from_form),
            in_header: in_header.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_password() {
        let read = |pair: &str| basic_password(&STANDARD.encode(pair));
        assert_eq!(read("client:swk_x"), Some("swk_x".to_owned()));
        assert_eq!(read(":swk_x:y"), Some("swk_x:y".to_owned()));
        assert_eq!(read("a%3Ab:swk%5Fx%2Dy"), Some("swk_x-y".to_owned()));
        assert_eq!(read("client:%ff"), None);
        assert_eq!(read("swk_x"), None);
        assert_eq!(basic_password("~"), None);
    }
}
