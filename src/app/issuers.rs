//! Wires the issuers: what the configuration says of them.

use std::sync::Arc;

use super::World;
use crate::config::{Addresses, Config, ForeignIssuer, GroupsFrom, SinkUrl, Strangers, Usage};
use crate::domain::issuer::{ClaimName, IssuerRules};
use crate::node::Node;
use crate::node::issuer::{IssuerSpec, Issuers, KeyAddress, Published};
use crate::service::Core;
use crate::transport::tokens::Tokens;

/// Those that are configured.
pub(super) fn specs(config: &Config) -> Vec<IssuerSpec> {
    config.issuers.iter().map(spec).collect()
}

/// What tokens stand for, with these issuers.
pub(super) fn tokens(core: &Core, node: &Node, world: &World, issuers: Issuers) -> Tokens {
    let desk = Arc::new(core.clone());
    Tokens::new(node.clone(), issuers, desk, Arc::clone(&world.clock))
}

fn spec(issuer: &ForeignIssuer) -> IssuerSpec {
    let settings = &issuer.settings;
    let algorithms = settings.algorithms.as_ref();
    IssuerSpec {
        rules: rules(issuer),
        algorithms: algorithms.map(|it| it.0.clone()).unwrap_or_default(),
        published: published(issuer),
        secret: issuer.secret.clone(),
        allow_private: settings.addresses == Addresses::Any,
        timeout: settings.timeout,
        refresh: settings.refresh,
    }
}

fn rules(issuer: &ForeignIssuer) -> IssuerRules {
    let settings = &issuer.settings;
    let claim = |name: &Option<String>| ClaimName::new(name.clone().unwrap_or_default());
    let required = settings.required_claims.iter().flat_map(|it| &it.0);
    let groups_claim = match settings.groups {
        GroupsFrom::Here => None,
        GroupsFrom::Claims => settings.groups_claim.as_ref(),
    };
    IssuerRules {
        name: settings.name.as_str().to_owned(),
        issuer: settings.issuer.clone().unwrap_or_default(),
        audiences: settings.audiences.0.clone(),
        audience: claim(&settings.audience_claim),
        logout_audiences: settings.logout_audiences.0.clone(),
        required: required
            .map(|(name, value)| (ClaimName::new(name), value.clone()))
            .collect(),
        subject: claim(&settings.subject_claim),
        session: settings.session_claim.as_ref().map(ClaimName::new),
        auth_time: claim(&settings.auth_time_claim),
        display_name: claim(&settings.display_name_claim),
        groups: groups_claim.map(ClaimName::new),
        creates_users: settings.strangers == Strangers::Create,
        attaches: settings.usage == Usage::Attach,
        leeway: settings.leeway,
    }
}

/// Where its keys are. With a secret there are none, unless somebody wrote where.
fn published(issuer: &ForeignIssuer) -> Option<Published> {
    let settings = &issuer.settings;
    if let Some(jwks) = &issuer.jwks {
        return Some(Published::Here(jwks.clone()));
    }
    let url = settings.jwks_url.as_ref().map(SinkUrl::expose);
    let address = match (url, &issuer.secret) {
        (Some(url), _) => KeyAddress::Direct {
            url: url.to_owned(),
        },
        (None, None) => KeyAddress::Discovered {
            issuer: settings.issuer.clone().unwrap_or_default(),
        },
        (None, Some(_)) => return None,
    };
    Some(Published::At(address))
}
