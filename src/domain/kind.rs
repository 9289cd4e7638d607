//! The types of events, by the names that the log and everybody who reads it use. It may not know what
//! they mean.

use super::event::Event;

macro_rules! kinds {
    ($($variant:ident $fields:tt = $name:literal;)*) => {
        /// The type of every event that there is.
        pub const EVENT_KINDS: &[&str] = &[$($name),*];

        impl Event {
            /// Its type.
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant $fields => $name,)* }
            }
        }
    };
}

kinds! {
    UserCreated { .. } = "user.created";
    UserUpdated { .. } = "user.updated";
    UserSuspended { .. } = "user.suspended";
    UserResumed { .. } = "user.resumed";
    UserDeleted { .. } = "user.deleted";
    IdentityLinked { .. } = "identity.linked";
    IdentityUnlinked { .. } = "identity.unlinked";
    PasswordChanged { .. } = "user.password_changed";
    GroupCreated { .. } = "group.created";
    GroupUpdated { .. } = "group.updated";
    GroupDeleted { .. } = "group.deleted";
    GroupPermissionsChanged { .. } = "group.permissions_changed";
    MembershipAdded { .. } = "membership.added";
    MembershipRemoved { .. } = "membership.removed";
    SessionStarted { .. } = "session.started";
    SessionEnded(_) = "session.ended";
    DeviceRevoked { .. } = "device.revoked";
    TakeoverRequested(_) = "takeover.requested";
    TakeoverAnswered { .. } = "takeover.answered";
    PolicyChanged { .. } = "policy.changed";
    PolicyRemoved { .. } = "policy.removed";
    NoticeSent { .. } = "notice.sent";
    ApiKeyCreated { .. } = "api_key.created";
    ApiKeyRevoked { .. } = "api_key.revoked";
    TokenLateUse(_) = "token.late_use";
    SigningKeyRetired { .. } = "signing_key.retired";
    SigningKeyRotated { .. } = "signing_key.rotated";
    RevokedAll {} = "sessions.revoked_all";
    LogRestored { .. } = "log.restored";
    SinkDisabled { .. } = "sink.disabled";
    SinkEnabled { .. } = "sink.enabled";
}

/// Whether a pattern, a type such as `session.ended` or a family such as `session.*`, means this type.
pub fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => family.ends_with('.') && kind.starts_with(family),
        None => kind == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_log() {
        let unknown = serde_json::from_str::<Event>(r#"{ "type": "?", "data": {} }"#);
        let told = unknown.unwrap_err().to_string();
        let (_, expected) = told.split_once("expected one of ").unwrap();
        let (expected, _) = expected.split_once(" at line").unwrap();
        let expected: Vec<_> = expected
            .split(", ")
            .map(|it| it.trim_matches('`'))
            .collect();
        assert_eq!(expected, EVENT_KINDS);
    }

    #[test]
    fn each_event_says_its_own() {
        let event = Event::RevokedAll {};
        assert_eq!(serde_json::to_value(&event).unwrap()["type"], event.kind());
    }

    #[test]
    fn a_pattern_is_a_type_or_a_family() {
        assert!(matches("session.ended", "session.ended"));
        assert!(matches("session.*", "session.ended"));
        assert!(!matches("session.*", "sessions.revoked_all"));
        assert!(!matches("*", "session.ended"));
        assert!(!matches("sess*", "session.ended"));
        assert!(!matches("session.end", "session.ended"));
    }
}
