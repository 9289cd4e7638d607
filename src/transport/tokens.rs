//! What a token stands for here: one of ours for its own claims, one of an issuer whose tokens are taken as
//! they are for claims of ours, as a ticket does. From there on nobody asks whose it was. It may not know
//! which transport asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use sessionwire_guard::dpop::Proof;
use sessionwire_guard::{Claims, Confirmation, Fingerprint, Verdict};

use super::desk::Desk;
use super::possession::Proofs;
use crate::domain::clock::Clock;
use crate::domain::error::Error;
use crate::node::issuer::Issuers;
use crate::node::{Certainty, Node, Seen};
use crate::service::{Origin, SignedIn, confirm};

/// How long the claims of a foreign token are good for without asking the writers again. The index keeps
/// what concerns them for longer.
const FRESH: Duration = Duration::from_mins(1);
/// And without asking them at least.
const FRESH_MIN: Duration = Duration::from_secs(5);
/// How many are remembered.
const REMEMBERED_MAX: usize = 10_000;

/// How often rights that change while they are read are read again.
const READINGS_MAX: usize = 3;

/// Looks at tokens; cloning shares what it remembers.
#[derive(Clone)]
pub struct Tokens {
    node: Node,
    issuers: Issuers,
    desk: Arc<dyn Desk>,
    clock: Arc<dyn Clock>,
    remembered: Arc<Mutex<HashMap<Fingerprint, Remembered>>>,
    proofs: Proofs,
}

struct Remembered {
    claims: Arc<Claims>,
    /// By uptime.
    until: Duration,
}

impl Tokens {
    /// Those of this server, and of issuers whose tokens are taken as they are.
    pub fn new(node: Node, issuers: Issuers, desk: Arc<dyn Desk>, clock: Arc<dyn Clock>) -> Self {
        Self {
            node,
            issuers,
            desk,
            proofs: Proofs::new(Arc::clone(&clock)),
            clock,
            remembered: Arc::default(),
        }
    }

    /// A token that a request brings, as the next one may, and what is remembered of it.
    pub(super) fn look_up<'a>(&self, token: &'a str) -> Seen<'a> {
        self.node.look_up(token)
    }

    /// Genuine, unexpired, and beside what it is bound to; ended or stale is told apart. `origin`: where the
    /// token comes from, and for the session that it may begin.
    pub(super) async fn examine(
        &self,
        token: &Seen<'_>,
        origin: &Origin,
        certainty: Certainty,
    ) -> Result<(Arc<Claims>, Verdict), Error> {
        let (claims, verdict) = self.examine_alone(token, origin, certainty).await?;
        let possession = &origin.possession;
        match &claims.cnf {
            Some(Confirmation::Key(jkt)) => self.proofs.check(possession, token.text(), jkt)?,
            Some(Confirmation::Cookie(_)) | None if possession.is_declared => {
                return Err(Error::TokenInvalid);
            }
            Some(Confirmation::Cookie(_)) | None => confirm(&claims, origin)?,
        }
        Ok((claims, verdict))
    }

    /// The same, whatever it is bound to: who asks is not who was given the token.
    pub(super) async fn examine_alone(
        &self,
        token: &Seen<'_>,
        origin: &Origin,
        certainty: Certainty,
    ) -> Result<(Arc<Claims>, Verdict), Error> {
        if !token.is_known() && self.issuers.attaches(token.text()) {
            // Boxed, as what is rare is here: most tokens are known, and need no room for what others take.
            return Box::pin(self.examine_foreign(token, origin, certainty)).await;
        }
        let (claims, verdict) = self.node.examine(token, certainty)?;
        if claims.as_of <= self.node.head() {
            return Ok((claims, verdict));
        }
        // Who comes from another node may have seen more than this one. Beyond the log nobody has.
        if !Box::pin(self.node.catches_up(claims.as_of)).await {
            return Err(Error::CannotDecide);
        }
        let verdict = self.node.verdict(&claims, certainty)?;
        Ok((claims, verdict))
    }

    async fn examine_foreign(
        &self,
        token: &Seen<'_>,
        origin: &Origin,
        certainty: Certainty,
    ) -> Result<(Arc<Claims>, Verdict), Error> {
        let name = token.name();
        if let Some(claims) = self.recall(&name) {
            match self.node.verdict(&claims, certainty) {
                // Rights are ours, so they are read again; whoever brings the token can't refresh it here. And
                // whether it was the session that ran out or the token is for the writers to say.
                Ok(Verdict::Stale(_)) | Err(Error::TokenExpired) => {}
                verdict => return Ok((claims, verdict?)),
            }
        }
        let proof = self
            .issuers
            .verify(token.text(), self.clock.as_ref())
            .await?;
        for _ in 0..READINGS_MAX {
            let claims = self.desk.attach(proof.clone(), origin).await?;
            // Whoever lost a seat to it is refused by the time that it is taken.
            self.node.settle(claims.fence, Duration::ZERO).await;
            match self.node.verdict(&claims, certainty)? {
                // They changed while they were read.
                Verdict::Stale(_) => {}
                verdict => {
                    let claims = Arc::new(claims);
                    self.remember(name, Arc::clone(&claims));
                    return Ok((claims, verdict));
                }
            }
        }
        Err(Error::CannotDecide)
    }

    /// The same request, and the key that its sender shows to hold before there is a token.
    pub(super) fn with_key(&self, origin: Origin) -> Result<(Origin, Option<Proof>), Error> {
        let proof = self.proofs.open(&origin.possession)?;
        let jkt = proof.as_ref().map(|proof| proof.jkt.clone());
        Ok((Origin { jkt, ..origin }, proof))
    }

    /// A refresh, for which a bound session's proof counts once.
    pub(super) fn refreshed(
        &self,
        signed_in: SignedIn,
        proof: Option<&Proof>,
    ) -> Result<SignedIn, Error> {
        if let (Some(_), Some(proof)) = (&signed_in.session.jkt, proof) {
            self.proofs.spend(proof)?;
        }
        Ok(signed_in)
    }

    /// Genuine, unexpired, not ended, not stale.
    pub(super) async fn check(
        &self,
        token: &Seen<'_>,
        origin: &Origin,
        certainty: Certainty,
    ) -> Result<Arc<Claims>, Error> {
        match self.examine(token, origin, certainty).await? {
            (claims, Verdict::Good) => Ok(claims),
            (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
            (_, Verdict::Stale(_)) => Err(Error::TokenStale),
        }
    }

    /// As [`Self::check`], but a stale token passes.
    pub(super) async fn check_allowing_stale(
        &self,
        token: &Seen<'_>,
        origin: &Origin,
    ) -> Result<Arc<Claims>, Error> {
        match self.examine(token, origin, Certainty::Leased).await? {
            (claims, Verdict::Good | Verdict::Stale(_)) => Ok(claims),
            (_, Verdict::Ended(_, reason)) => Err(Error::SessionEnded(reason)),
        }
    }

    fn recall(&self, name: &Fingerprint) -> Option<Arc<Claims>> {
        let remembered = self.remembered.lock();
        let found = remembered.get(name)?;
        (found.until > self.clock.uptime()).then(|| Arc::clone(&found.claims))
    }

    fn remember(&self, name: Fingerprint, claims: Arc<Claims>) {
        let now = self.clock.uptime();
        let mut remembered = self.remembered.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, it| it.until > now);
        }
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        // At half its time at the latest the session is seen in use, so that it does not idle out meanwhile.
        let life = claims
            .exp
            .saturating_sub(self.clock.now().as_seconds())
            .max(0);
        let half = Duration::from_secs(u64::try_from(life / 2).unwrap_or_default());
        let until = now + half.clamp(FRESH_MIN, FRESH);
        remembered.insert(name, Remembered { claims, until });
    }
}
