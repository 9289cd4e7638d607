//! Schemas of what the domain owns, for the OpenAPI document: the domain may not know HTTP. Words come
//! from the domain's own lists, so a new one is documented by being there.

use utoipa::openapi::schema::{ArrayBuilder, KnownFormat, SchemaFormat, Type};
use utoipa::openapi::{Object, ObjectBuilder, RefOr, Schema};

use crate::domain::Reason;
use crate::domain::access::Scope;
use crate::domain::device::Platform as DevicePlatform;
use crate::domain::error::ErrorCode;

/// One of a few words.
fn words(about: &str, words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(about))
        .enum_values(Some(words))
        .build()
}

pub(super) fn error_code() -> Object {
    words(
        "What programs act on; stable.",
        ErrorCode::ALL.iter().map(|code| code.as_str()),
    )
}

pub(super) fn reason() -> Object {
    words(
        "Why the session ended.",
        Reason::ALL.iter().map(|reason| reason.as_str()),
    )
}

pub(super) fn late_verdict() -> Object {
    words(
        "What the service would have said, had it known.",
        ["session_ended", "token_stale"],
    )
}

pub(super) fn platform() -> Object {
    words(
        "What kind of thing the device is.",
        DevicePlatform::ALL.map(DevicePlatform::as_str),
    )
}

pub(super) fn scopes() -> RefOr<Schema> {
    let scope = words("What the key may do.", Scope::ALL.map(Scope::as_str));
    ArrayBuilder::new().items(scope).into()
}

pub(super) fn user_status() -> Object {
    words("Whether the user may sign in.", ["active", "suspended"])
}

pub(super) fn policy_scope() -> Object {
    words("For whom the policy is.", ["default", "group", "user"])
}

pub(super) fn count_by() -> Object {
    words("What the limit counts.", ["user", "platform"])
}

pub(super) fn at_limit() -> Object {
    words(
        "What happens when a newcomer finds no seat.",
        ["evict_oldest", "reject", "ask", "approve"],
    )
}

pub(super) fn notice_level() -> Object {
    words("How much it matters.", ["info", "warning", "critical"])
}

pub(super) fn initiating_entity() -> Object {
    words(
        "On whose behalf (OpenID CAEP 1.0).",
        ["admin", "user", "policy", "system"],
    )
}

pub(super) fn timestamp() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .examples(["2026-03-01T09:30:00.000Z"])
        .build()
}

fn count(about: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .description(Some(about))
        .build()
}

/// An object of these members, all of them always there.
fn object(about: &str, members: Vec<(&str, RefOr<Schema>)>) -> Object {
    members
        .into_iter()
        .fold(ObjectBuilder::new(), |object, (name, member)| {
            object.property(name, member).required(name)
        })
        .description(Some(about))
        .build()
}

pub(super) fn connections_reached() -> Object {
    object(
        "Connections whose frame went to the kernel within the wait.",
        vec![
            ("told", count("Were sent the message.").into()),
            ("closed", count("Were sent the close frame.").into()),
        ],
    )
}

/// The same of all nodes.
pub(super) fn spread_reached() -> Object {
    let share = object(
        "A node's share.",
        vec![
            ("node", Object::with_type(Type::String).into()),
            ("told", count("Were sent the message.").into()),
            ("closed", count("Were sent the close frame.").into()),
        ],
    );
    let mut reached = connections_reached();
    let by_node = ArrayBuilder::new().items(share);
    reached.properties.insert(
        "by_node".into(),
        by_node
            .description(Some("The same of each node, where there are several."))
            .into(),
    );
    reached.properties.insert(
        "unknown".into(),
        names("Nodes of which nobody knows whom they told; they are not counted."),
    );
    reached
}

fn names(about: &str) -> RefOr<Schema> {
    ArrayBuilder::new()
        .items(Object::with_type(Type::String))
        .description(Some(about))
        .into()
}

pub(super) fn nodes_reached() -> Object {
    let mut reached = object(
        "The nodes.",
        vec![
            ("live", count("How many live.").into()),
            ("applied", count("How many of them have applied it.").into()),
            ("late", names("Those that have not.")),
        ],
    );
    reached.properties.insert(
        "lost".into(),
        names("Those that live no more as far as anybody knows: they decide nothing."),
    );
    reached
}

pub(super) fn guards_reached() -> Object {
    object(
        "The services that follow the feed.",
        vec![
            ("following", count("How many follow.").into()),
            ("applied", count("How many have applied it.").into()),
        ],
    )
}

pub(super) fn receipt() -> RefOr<Schema> {
    let changed = ObjectBuilder::new()
        .schema_type(Type::Boolean)
        .description(Some("Whether anything changed."));
    object(
        "What a change reached, and when. From here on the old tokens are refused.",
        vec![
            (
                "seq",
                count("The position of the change's last event; the present head where nothing changed.").into(),
            ),
            ("changed", changed.into()),
            ("nodes", nodes_reached().into()),
            ("sessions_ended", count("How many sessions ended.").into()),
            ("connections", spread_reached().into()),
            ("guards", guards_reached().into()),
            (
                "elapsed_ms",
                count("From the request to this receipt, in milliseconds.").into(),
            ),
        ],
    )
    .into()
}
