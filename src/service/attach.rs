//! Tokens of other issuers that are taken as they are: each stands for a session here, one for each sign-in
//! there. It may not know tokens.

use sessionwire_guard::Claims;

use super::identity::Before;
use super::sign_in::{Door, Entry, newcomer, seats_taken};
use super::token::sign_in_limit;
use super::vault::sha256;
use super::{Core, Origin, Result};
use crate::domain::clock::Timestamp;
use crate::domain::device::{Device, Platform};
use crate::domain::error::Error;
use crate::domain::id::{DeviceId, SessionId};
use crate::domain::issuer::{ForeignSession, Proof};
use crate::storage::Tx;

impl Core {
    /// The claims of ours that a proof stands for. The first of a sign-in begins a session, as far as the
    /// policy allows; whoever has the seats is not asked, since nobody waits for the answer.
    pub async fn attach(&self, proof: Proof, origin: &Origin) -> Result<Claims> {
        let foreign = proof.session.clone();
        let mut tx = self.begin().await?;
        tx.lock_foreign(&foreign).await?;
        let ends = tx.find_foreign_ends(&foreign).await?;
        Before::of(&tx, Some(&foreign), &ends)?;
        let (found, cause) = self.recognise(&mut tx, &proof, origin).await?;
        let now = self.clock.now();
        let known = tx.find_live_foreign_session(&foreign, now).await?;
        let entry = if let Some(id) = known {
            self.use_again(&mut tx, id).await?;
            Entry::In(id)
        } else {
            let mut newcomer = newcomer(device_of(&proof), false, origin);
            newcomer.foreign = Some(foreign.clone());
            let (user, seats, door) = (found.user.id, found.seats, Door::Policy);
            self.enter(&mut tx, user, seats, &newcomer, door, &cause)
                .await?
        };
        let session = match entry {
            Entry::In(session) => session,
            Entry::Full(sessions, _) => {
                let sessions = seats_taken(&mut tx, &sessions).await?;
                self.commit(tx).await?;
                return Err(Error::SessionLimitReached {
                    sessions,
                    takeover_token: None,
                });
            }
        };
        self.commit(tx).await?;
        let signed_in = self.issue(session).await?;
        let session = signed_in.session;
        let signed_in_at = Timestamp::from_seconds(foreign.signed_in_at);
        let until = sign_in_limit(&session, signed_in_at, now)?.min(session.expires_at);
        Ok(Claims {
            iss: self.settings.issuer.clone(),
            sub: session.user_id,
            aud: self.settings.audience.clone(),
            client_id: self.settings.client_id.clone(),
            iat: proof.issued_at,
            exp: proof.expires_at.min(until.as_seconds()),
            jti: self.entropy.uuid(now),
            sid: session.id,
            device_id: session.device.id,
            auth_time: foreign.signed_in_at,
            groups: signed_in.user.groups,
            permissions: signed_in.user.permissions,
            as_of: signed_in.as_of,
            fence: session.fence,
            // No refresh token was handed out, so none is shown to have arrived.
            generation: 0,
            session_exp: Some(until.as_seconds()),
            cnf: None,
            kid: None,
        })
    }

    /// The person uses the session.
    async fn use_again(&self, tx: &mut Tx, id: SessionId) -> Result<()> {
        if let Some((session, state)) = tx.lock_session(id).await? {
            self.use_session(tx, session, state, self.clock.now())
                .await?;
        }
        Ok(())
    }
}

/// Nobody named a device: the sign-in is one by itself.
pub(super) fn device_of(proof: &Proof) -> Device {
    let ForeignSession { identity, key, .. } = &proof.session;
    let named = format!(
        "{}\n{}\n{}",
        identity.issuer,
        identity.subject,
        key.as_str()
    );
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&sha256(named.as_bytes())[..16]);
    Device {
        id: DeviceId(uuid::Builder::from_custom_bytes(bytes).into_uuid()),
        name: proof.issuer_name.clone(),
        platform: Platform::Other,
    }
}
