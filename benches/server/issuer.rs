//! An identity provider: a key, the two documents that it publishes on a port of its own, and tokens of people who signed
//! in there. It may not know what they are for.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::clock;
use crate::failure::{During as _, Outcome, unexpected};

/// What most providers sign with.
const ALGORITHM: Algorithm = Algorithm::RS256;
const KEY: &str = "bench";
const AUDIENCE: &str = "bench";
const TOKEN_S: i64 = 3600;
const PATIENCE: Duration = Duration::from_secs(5);

/// Such a provider; it serves as long as this program runs.
pub(crate) struct Issuer {
    url: String,
    key: EncodingKey,
}

impl Issuer {
    /// Begins to give out its keys.
    pub(crate) fn start() -> Outcome<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).during("listening")?;
        let url = format!("http://{}", listener.local_addr().during("listening")?);
        let key = private_key()?;
        let mut jwk = Jwk::from_encoding_key(&key, ALGORITHM).map_err(of_token)?;
        jwk.common.key_id = Some(KEY.to_owned());
        let keys = json!({ "keys": [jwk] }).to_string();
        let about = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }).to_string();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who asks and goes away asks again.
                drop(give(stream, &about, &keys));
            }
        });
        Ok(Self { url, key })
    }

    /// The setting that makes a server take its word, also for people whom nobody here knows.
    pub(crate) fn setting(&self) -> String {
        let url = &self.url;
        format!(
            "[{{ name = 'provider', issuer = '{url}', audiences = ['{AUDIENCE}'], addresses = 'any', \
             strangers = 'create' }}]"
        )
    }

    /// A token of this person, of this sign-in, as of now.
    pub(crate) fn token(&self, person: &str, sign_in: &str) -> Outcome<String> {
        let mut header = Header::new(ALGORITHM);
        header.kid = Some(KEY.to_owned());
        let now = clock::unix_seconds();
        let claims = json!({
            "iss": self.url, "sub": person, "aud": AUDIENCE, "sid": sign_in,
            "iat": now, "exp": now + TOKEN_S, "auth_time": now,
        });
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(of_token)
    }
}

/// The library takes keys as PEM only.
fn private_key() -> Outcome<EncodingKey> {
    let no_key = |_| unexpected("no key can be made");
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(no_key)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(no_key)?;
    let body = STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(of_token)
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "what `map_err` hands over it hands over whole"
)]
fn of_token(error: jsonwebtoken::errors::Error) -> crate::failure::Failure {
    unexpected(format!("a token: {error}"))
}

/// Answers one request, and hangs up.
fn give(mut stream: TcpStream, about: &str, keys: &str) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let (mut came, mut chunk) = (Vec::new(), [0; 4096]);
    while !came.windows(4).any(|it| it == b"\r\n\r\n") {
        match stream.read(&mut chunk)? {
            0 => return Ok(()),
            read => came.extend_from_slice(&chunk[..read]),
        }
    }
    let wants_keys = came.starts_with(b"GET /keys ");
    let body = if wants_keys { keys } else { about };
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let answer = format!("{head}Content-Length: {length}\r\n\r\n{body}");
    stream.write_all(answer.as_bytes())
}
