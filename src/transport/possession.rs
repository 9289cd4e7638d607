//! Whether a client holds the key that its token is bound to (DPoP, RFC 9449): what a request says of itself,
//! and each proof once. It may not know what the token is good for.
//!
//! What a node has seen it alone knows. A proof is for one request of one token, and for two minutes at most.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, Method};
use ipnet::IpNet;
use parking_lot::Mutex;
use sessionwire_guard::dpop::Proof;

use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::domain::possession::{Held, KeyProof, PROOF_WINDOW_S, Place, Possession};

/// The header that brings a proof.
pub(super) const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The name of the scheme.
pub(super) const SCHEME: &str = "dpop";

const X_FORWARDED_PROTO: &str = "x-forwarded-proto";
const X_FORWARDED_HOST: &str = "x-forwarded-host";
const X_FORWARDED_METHOD: &str = "x-forwarded-method";
const X_FORWARDED_URI: &str = "x-forwarded-uri";

/// How long a proof is remembered: from the earliest moment at which it can come to the last.
const REMEMBERED: Duration = Duration::from_secs(2 * PROOF_WINDOW_S.unsigned_abs() + 1);
/// How many proofs of one key are remembered, so that one client can't use up the room of all.
const OF_ONE_KEY_MAX: usize = 2_000;
/// Of how many keys.
const KEYS_MAX: usize = 20_000;
/// How many in all.
const ALL_MAX: usize = 400_000;

/// Where a request came to, as far as who is believed says so.
pub(super) fn place(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    trusted: &[IpNet],
) -> Place {
    let is_proxy = from_proxy(peer, trusted);
    let said = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        let first = value.split(',').next()?.trim();
        (is_proxy && !first.is_empty()).then(|| first.to_owned())
    };
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    Place {
        method: method.as_str().to_owned(),
        scheme: said(X_FORWARDED_PROTO).map(|scheme| scheme.to_ascii_lowercase()),
        authority: said(X_FORWARDED_HOST).unwrap_or_else(|| host.unwrap_or_default().to_owned()),
        path: path.to_owned(),
    }
}

/// Where the request came to that a proxy asks about.
pub(super) fn place_asked_about(
    own: Place,
    headers: &HeaderMap,
    peer: Option<IpAddr>,
    trusted: &[IpNet],
) -> Place {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match (said(X_FORWARDED_METHOD), said(X_FORWARDED_URI)) {
        (Some(method), Some(uri)) if from_proxy(peer, trusted) => Place {
            method: method.to_owned(),
            path: uri.split('?').next().unwrap_or_default().to_owned(),
            ..own
        },
        _ => own,
    }
}

fn from_proxy(peer: Option<IpAddr>, trusted: &[IpNet]) -> bool {
    peer.is_some_and(|peer| trusted.iter().any(|net| net.contains(&peer.to_canonical())))
}

/// What a request brings. A proof counts beside a token that is said to be bound, and where the token comes
/// otherwise than in the header; never beside one that is said to be anybody's. Two are none.
pub(super) fn brought(headers: &HeaderMap, place: impl FnOnce() -> Place) -> Possession {
    // By its first word alone: a token is long.
    let scheme = headers.get(AUTHORIZATION).map(|value| {
        let mut words = value.as_bytes().trim_ascii().split(|byte| *byte == b' ');
        words.next().unwrap_or_default()
    });
    let is_declared = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME.as_bytes()));
    let mut given = headers.get_all(DPOP).iter();
    let first = given.next().filter(|_| is_declared || scheme.is_none());
    let text = match (first, given.next()) {
        (None, _) => None,
        // What can't be a proof is refused as one.
        (Some(_), Some(_)) => Some(String::new()),
        (Some(value), None) => Some(value.to_str().unwrap_or_default().to_owned()),
    };
    Possession {
        proof: text.map(|text| KeyProof::new(text, place())),
        is_declared,
    }
}

/// Each proof counts once.
#[derive(Clone)]
pub struct Proofs {
    clock: Arc<dyn Clock>,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// By key: its proofs, by the hash of their ids, and until when they are remembered, by uptime.
    by_key: HashMap<[u8; 32], HashMap<[u8; 32], Duration>>,
    count: usize,
    swept: Duration,
}

impl Proofs {
    /// None has come yet.
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            seen: Arc::default(),
        }
    }

    /// The client holds the key that this token is bound to.
    pub(super) fn check(
        &self,
        possession: &Possession,
        token: &str,
        jkt: &str,
    ) -> Result<(), Error> {
        let proof = possession.proof.as_ref().ok_or(Error::ProofInvalid(
            "the token is bound to a key: send it as `Authorization: DPoP` with a proof",
        ))?;
        let held = Held {
            jkt: jkt.to_owned(),
            ath: Some(BASE64.encode(hash(token))),
        };
        // A request whose token is looked at twice is one use of it.
        if proof.known() == Some(&held) {
            return Ok(());
        }
        let opened = proof.open(self.clock.now().as_seconds(), held.ath.as_deref())?;
        if opened.jkt != jkt {
            return Err(Error::ProofInvalid(
                "the DPoP proof was made with another key than the token is bound to",
            ));
        }
        self.spend(&opened)?;
        proof.learn(held);
        Ok(())
    }

    /// The key that a client shows to hold that has no access token yet, if it shows one. Whether the proof came
    /// before matters only where it is of use: see [`Self::spend`].
    pub(super) fn open(&self, possession: &Possession) -> Result<Option<Proof>, Error> {
        let proof = possession.proof.as_ref();
        let now = self.clock.now().as_seconds();
        let opened = proof.map(|proof| proof.open(now, None)).transpose()?;
        match opened {
            Some(proof) if self.seen.lock().has(&proof) => Err(again()),
            opened => Ok(opened),
        }
    }

    /// Lets a proof count, unless it has.
    pub(super) fn spend(&self, proof: &Proof) -> Result<(), Error> {
        self.seen.lock().add(proof, self.clock.uptime())
    }
}

impl Seen {
    fn has(&self, proof: &Proof) -> bool {
        let of_key = self.by_key.get(&hash(&proof.jkt));
        of_key.is_some_and(|known| known.contains_key(&hash(&proof.jti)))
    }

    fn add(&mut self, proof: &Proof, now: Duration) -> Result<(), Error> {
        if now >= self.swept + REMEMBERED || self.count >= ALL_MAX || self.by_key.len() >= KEYS_MAX
        {
            self.sweep(now);
        }
        let key = hash(&proof.jkt);
        // What can't be remembered can't be let pass: it could come again.
        let is_full = self.count >= ALL_MAX
            || (self.by_key.len() >= KEYS_MAX && !self.by_key.contains_key(&key));
        if is_full {
            return Err(Error::CannotDecide);
        }
        let known = self.by_key.entry(key).or_default();
        let jti = hash(&proof.jti);
        if known.contains_key(&jti) {
            return Err(again());
        }
        if known.len() >= OF_ONE_KEY_MAX {
            let before = known.len();
            known.retain(|_, until| *until > now);
            self.count -= before - known.len();
        }
        if known.len() >= OF_ONE_KEY_MAX {
            return Err(Error::RateLimited {
                retry_after_s: PROOF_WINDOW_S.unsigned_abs(),
            });
        }
        known.insert(jti, now + REMEMBERED);
        self.count += 1;
        Ok(())
    }

    fn sweep(&mut self, now: Duration) {
        self.by_key.retain(|_, known| {
            known.retain(|_, until| *until > now);
            !known.is_empty()
        });
        self.count = self.by_key.values().map(HashMap::len).sum();
        self.swept = now;
    }
}

fn again() -> Error {
    Error::ProofInvalid("the DPoP proof was used before: make a new one for each request")
}

fn hash(text: &str) -> [u8; 32] {
    let mut name = [0; 32];
    name.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(jti: usize, jkt: &str) -> Proof {
        Proof {
            jkt: jkt.to_owned(),
            htm: "GET".to_owned(),
            htu: "https://app.example/".to_owned(),
            iat: 0,
            jti: jti.to_string(),
            ath: None,
        }
    }

    #[test]
    fn each_counts_once_while_it_could_come_again() {
        let mut seen = Seen::default();
        let at = Duration::from_secs(500);
        assert!(seen.add(&proof(1, "a"), at).is_ok());
        assert!(seen.add(&proof(1, "b"), at).is_ok());
        assert!(matches!(
            seen.add(&proof(1, "a"), at + Duration::from_mins(2)),
            Err(Error::ProofInvalid(_))
        ));
        seen.sweep(at + REMEMBERED);
        assert_eq!((seen.count, seen.by_key.len()), (0, 0));
    }

    #[test]
    fn one_client_cannot_use_up_the_room_of_others() {
        let mut seen = Seen::default();
        let at = Duration::from_secs(500);
        for jti in 0..OF_ONE_KEY_MAX {
            assert!(seen.add(&proof(jti, "a"), at).is_ok());
        }
        assert!(matches!(
            seen.add(&proof(OF_ONE_KEY_MAX, "a"), at),
            Err(Error::RateLimited { .. })
        ));
        assert!(seen.add(&proof(0, "b"), at).is_ok());
        assert!(
            seen.add(&proof(OF_ONE_KEY_MAX, "a"), at + REMEMBERED)
                .is_ok()
        );
        assert_eq!(seen.count, 1);
    }

    #[test]
    fn a_proxy_is_believed_and_a_stranger_is_not() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "inside:7400"),
            (X_FORWARDED_PROTO, "https"),
            (X_FORWARDED_HOST, "app.example"),
            (X_FORWARDED_METHOD, "PUT"),
            (X_FORWARDED_URI, "/reports?year=1"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let of = |peer: &str| {
            let peer = Some(peer.parse().unwrap());
            let own = place(&Method::GET, "/v1/verify", &headers, peer, &trusted);
            (
                own.clone(),
                place_asked_about(own, &headers, peer, &trusted),
            )
        };
        let (own, asked) = of("10.0.0.1");
        assert!(own.fits("GET", "https://app.example/v1/verify"));
        assert!(!own.fits("GET", "http://app.example/v1/verify"));
        assert!(asked.fits("PUT", "https://app.example/reports"));
        let (own, asked) = of("192.0.2.1");
        assert!(own.fits("GET", "https://inside:7400/v1/verify"));
        assert_eq!(own, asked);
    }

    #[test]
    fn a_proof_counts_beside_a_token_that_is_said_to_be_bound() {
        let of = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, value.parse().unwrap());
            }
            let here = || place(&Method::GET, "/", &headers, None, &[]);
            let possession = brought(&headers, here);
            (
                possession.proof.map(|proof| proof.text),
                possession.is_declared,
            )
        };
        let p = Some("p".to_owned());
        assert_eq!(of(&[("dpop", "p")]), (p.clone(), false));
        assert_eq!(of(&[("authorization", "DPoP t"), ("dpop", "p")]), (p, true));
        assert_eq!(
            of(&[("authorization", "Bearer t"), ("dpop", "p")]),
            (None, false)
        );
        assert_eq!(of(&[("dpop", "p"), ("dpop", "p")]).0.as_deref(), Some(""));
        assert_eq!(of(&[]), (None, false));
    }
}
