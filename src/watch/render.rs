//! From a message to a line that a person reads. Pure; whatever the server sends, it never fails.

use serde_json::Value;

/// The line for a message.
pub(super) fn render(message: &Value) -> String {
    let text = |name: &str| message[name].as_str().unwrap_or_default();
    let time = text("at").get(11..19).unwrap_or("        ");
    let line = match text("type") {
        "welcome" => format!("connected; you may: {}", list(&message["permissions"])),
        "permissions.changed" => format!("your permissions changed: {}", difference(message)),
        "session.revoked" => revoked(message),
        "session.takeover_requested" => format!(
            "{} ({}) asks to take your place until {}",
            text("device_name"),
            text("platform"),
            text("expires_at")
        ),
        "notice" => format!(
            "notice ({}): {}. {}",
            text("level"),
            text("title"),
            text("body")
        ),
        "token.expiring" => "your token runs out soon; refreshing".into(),
        "token.refreshed" => "your token was refreshed".into(),
        "reconnect" => {
            format!(
                "the server makes way; back in {} ms",
                message["after_ms"].as_u64().unwrap_or(0)
            )
        }
        "error" => format!("error {}: {}", text("code"), text("message")),
        other => format!("{other}: {message}"),
    };
    format!("{time}  {line}")
}

fn revoked(message: &Value) -> String {
    let sentence = message["message"].as_str().unwrap_or_default();
    let reason = message["reason"].as_str().unwrap_or_default();
    match message["replaced_by"]["device_name"].as_str() {
        Some(device) => format!("{sentence} ({reason}; by {device})"),
        None => format!("{sentence} ({reason})"),
    }
}

fn difference(message: &Value) -> String {
    let parts = [
        ("gained", &message["permissions"]["gained"]),
        ("lost", &message["permissions"]["lost"]),
        ("came into", &message["groups"]["added"]),
        ("left", &message["groups"]["removed"]),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(_, items)| items.as_array().is_some_and(|items| !items.is_empty()))
        .map(|(word, items)| format!("{word} {}", list(items)))
        .collect();
    said.join("; ")
}

fn list(items: &Value) -> String {
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let names: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
    if names.is_empty() {
        "nothing".into()
    } else {
        names.join(", ")
    }
}

/// Text from elsewhere must not steer the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = steers(c).then(|| c.escape_default());
            let plain = (!steers(c)).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Control characters, and those that turn the direction of what follows.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_change_says_what_was_gained_and_lost() {
        let line = render(&json!({
            "type": "permissions.changed", "at": "2026-11-22T12:00:01.000Z",
            "groups": { "added": [], "removed": ["analysts"] },
            "permissions": { "gained": [], "lost": ["reports:read"] },
        }));
        assert_eq!(
            line,
            "12:00:01  your permissions changed: lost reports:read; left analysts"
        );
    }

    #[test]
    fn an_end_says_which_device_took_the_place() {
        let line = render(&json!({
            "type": "session.revoked", "at": "2026-11-22T12:00:01.000Z", "reason": "superseded",
            "message": "You are out.", "replaced_by": { "device_name": "Phone", "platform": "ios" },
        }));
        assert_eq!(line, "12:00:01  You are out. (superseded; by Phone)");
    }

    #[test]
    fn hostile_text_does_not_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(clean("a\u{202e}b"), "a\\u{202e}b");
    }

    proptest::proptest! {
        #[test]
        fn nothing_the_server_sends_makes_it_fail(text in ".*", kind in ".*", at in ".*") {
            render(&json!({ "type": kind, "at": at, "permissions": text, "groups": [text] }));
        }
    }
}
