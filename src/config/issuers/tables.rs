//! The settings of an issuer, and what its preset says where they are silent.

use std::path::PathBuf;
use std::time::Duration;

use super::values::{Algorithms, GroupsFrom, Requirements, Strangers, Texts, Usage};
use crate::config::setting::{Kind, seconds, settings};
use crate::config::sinks::values::{Addresses, SinkName, SinkUrl, VariableName};
use crate::domain::issuer::{Preset, PresetRules};

settings! {
    /// An issuer whose tokens are taken.
    IssuerSettings, pub(super) ISSUER;

    /// What it is called here.
    "name" => name: SinkName = SinkName::default(), Kind::Form(SinkName::FORM);
    /// The provider that it is of, which says most of what follows.
    "preset" => preset: Option<Preset> = None, Kind::Word(PRESETS);
    /// The `iss` of its tokens, to the letter.
    "issuer" => issuer: Option<String> = None, TEXT;
    /// Whom its tokens are meant for: one of these.
    "audiences" => audiences: Texts = Texts::default(), LIST;
    /// The claim that says whom.
    "audience_claim" => audience_claim: Option<String> = None, CLAIM;
    /// Whom its logout tokens are meant for; unless set, the same.
    "logout_audiences" => logout_audiences: Texts = Texts::default(), LIST;
    /// Claims that must have these values.
    "required_claims" => required_claims: Option<Requirements> = None,
        Kind::Form(Requirements::FORM);
    /// What its tokens may be signed with.
    "algorithms" => algorithms: Option<Algorithms> = None, Kind::Form(Algorithms::FORM);
    /// Where its keys are; unless set, where the issuer says.
    "jwks_url" => jwks_url: Option<SinkUrl> = None, Kind::Address(&["https", "http"]);
    /// The file that holds its keys.
    "jwks_file" => jwks_file: Option<PathBuf> = None, FILE;
    /// The file that holds the secret that it signs with (HS256), 32 bytes or more.
    "secret_file" => secret_file: Option<PathBuf> = None, FILE;
    /// The variable that holds it.
    "secret_env" => secret_env: Option<VariableName> = None, Kind::Form(VariableName::FORM);
    /// The claim that says who it is.
    "subject_claim" => subject_claim: Option<String> = None, CLAIM;
    /// The claim that names the session there.
    "session_claim" => session_claim: Option<String> = None, CLAIM;
    /// The claim that says when the person proved who they are.
    "auth_time_claim" => auth_time_claim: Option<String> = None, CLAIM;
    /// The claim with a name for people.
    "display_name_claim" => display_name_claim: Option<String> = None, CLAIM;
    /// Who decides which groups people are in.
    "groups" => groups: GroupsFrom = GroupsFrom::Here, Kind::Word(GroupsFrom::WORDS);
    /// The claim with the names of groups.
    "groups_claim" => groups_claim: Option<String> = None, CLAIM;
    /// What becomes of people who are not known yet.
    "strangers" => strangers: Strangers = Strangers::Refuse, Kind::Word(Strangers::WORDS);
    /// What its tokens are good for.
    "use" => usage: Usage = Usage::Exchange, Kind::Word(Usage::WORDS);
    /// How far its clock may be off.
    "leeway_s" => leeway: Duration = Duration::from_secs(30), seconds(0, 300);
    /// Which addresses its keys are fetched from.
    "addresses" => addresses: Addresses = Addresses::Public, Kind::Word(Addresses::WORDS);
    /// How long fetching them may take.
    "timeout_s" => timeout: Duration = Duration::from_secs(5), seconds(1, 30);
    /// How often they are fetched; besides when a token names one that is not there.
    "refresh_s" => refresh: Duration = Duration::from_mins(5), seconds(10, 86_400);
}

const TEXT: Kind = Kind::Form("a text of 1 to 255 bytes");
const LIST: Kind = Kind::Form(Texts::FORM);
const FILE: Kind = Kind::Form("the path of a file");
const CLAIM: Kind = Kind::Form("the name of a claim, or the way to it with dots between");
const PRESETS: &[&str] = &[
    Preset::Cognito.as_str(),
    Preset::Auth0.as_str(),
    Preset::Keycloak.as_str(),
    Preset::Firebase.as_str(),
    Preset::Supabase.as_str(),
];

impl IssuerSettings {
    /// Fills in what was left out. `has_secret`: whether it shares one, which then is all it has unless an
    /// address of keys was written.
    pub(super) fn complete(&mut self, has_secret: bool) {
        let issuer = self.issuer.clone().unwrap_or_default();
        let rules = PresetRules::of(self.preset, &issuer);
        if self.audiences.0.is_empty() {
            self.audiences = Texts(rules.audiences);
        }
        if self.logout_audiences.0.is_empty() {
            self.logout_audiences = self.audiences.clone();
        }
        let claim = |field: &mut Option<String>, name: &str| {
            field.get_or_insert_with(|| name.to_owned());
        };
        claim(&mut self.audience_claim, rules.audience);
        claim(&mut self.subject_claim, "sub");
        claim(&mut self.session_claim, rules.session);
        claim(&mut self.auth_time_claim, rules.auth_time);
        claim(&mut self.display_name_claim, rules.display_name);
        if let Some(groups) = rules.groups {
            claim(&mut self.groups_claim, groups);
        }
        let required = rules.required;
        self.required_claims
            .get_or_insert_with(|| Requirements::of(required));
        self.algorithms
            .get_or_insert_with(|| Algorithms::of(rules.algorithms, has_secret));
        if self.jwks_url.is_none() && self.jwks_file.is_none() && !has_secret {
            self.jwks_url = rules.jwks_url.map(|url| SinkUrl::of(&url));
        }
    }
}
