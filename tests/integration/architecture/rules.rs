//! The rules of the house, as one pure function over a file's path and text.

use super::tokens::tokens;

/// The longest file that is still read as one thing.
pub(super) const LONGEST_FILE: usize = 400;

/// Who may import whom. A module may always import itself, and `guard` is under everybody.
const FLOORS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("storage", &["domain"]),
    ("bus", &["domain"]),
    ("service", &["storage", "bus", "domain"]),
    ("node", &["storage", "bus", "domain"]),
    ("transport", &["node", "service", "domain"]),
];

/// The top floor wires everything, and nothing below may import it.
const TOP_FLOOR: &[&str] = &[
    "app",
    "command",
    "config",
    "lib",
    "main",
    "telemetry",
    "watch",
];

/// Libraries that have one place.
const PLACES: &[(&str, &[&str])] = &[
    ("sqlx", &["src/storage/", "src/bus/postgres.rs"]),
    ("axum", &["src/transport/", "src/app/", "src/app.rs"]),
    ("utoipa_axum", &["src/transport/", "src/app/", "src/app.rs"]),
];

/// Types that change behind a shared reference: a `static` of one is state shared by all nodes.
const SHARED_STATE: &[&str] = &[
    "Cell",
    "DashMap",
    "LazyCell",
    "LazyLock",
    "Mutex",
    "OnceCell",
    "OnceLock",
    "RefCell",
    "RwLock",
    "UnsafeCell",
];

/// What the floor of pure decisions has no use for.
const NOT_IN_DOMAIN: &[&str] = &["async", "await", "futures", "tokio", "fs", "rand"];

/// Everything that is wrong with the file `path` (from the root, with `/`) of text `text`.
pub(super) fn violations(path: &str, text: &str) -> Vec<String> {
    let mut found = file_violations(text);
    if let Some(module) = module_of(path) {
        let tokens = tokens(text);
        found.extend(climbing_imports(path, module, &tokens));
        found.extend(misplaced_words(path, module, &tokens));
        found.extend(shared_state(&tokens));
    }
    found
        .into_iter()
        .map(|what| format!("{path}: {what}"))
        .collect()
}

/// The rules that hold for tests too.
fn file_violations(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push("does not begin by saying what it is for (`//!`)".to_owned());
    }
    let lines = text.lines().count();
    if lines > LONGEST_FILE {
        found.push(format!("has {lines} lines, more than {LONGEST_FILE}"));
    }
    found
}

/// The module on a floor that the file belongs to; `None` for tests.
fn module_of(path: &str) -> Option<&str> {
    if path.starts_with("guard/src/") {
        return Some("guard");
    }
    let inside = path.strip_prefix("src/")?;
    Some(
        inside
            .split_once('/')
            .map_or(inside.trim_end_matches(".rs"), |(folder, _)| folder),
    )
}

fn climbing_imports(path: &str, module: &str, tokens: &[String]) -> Vec<String> {
    if module == "guard" {
        let ours = tokens.windows(2).any(|pair| pair == ["sessionwire", "::"]);
        return if ours {
            vec!["guard imports the server".to_owned()]
        } else {
            Vec::new()
        };
    }
    if TOP_FLOOR.contains(&module) {
        return Vec::new();
    }
    let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == module) else {
        return vec![format!("the module `{module}` is on no floor")];
    };
    imports(path, tokens)
        .into_iter()
        .filter(|import| import != module && !allowed.contains(&import.as_str()))
        .map(|import| format!("{module} may not import {import}"))
        .collect()
}

/// The modules of this crate that the tokens name, from its root.
fn imports(path: &str, tokens: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, depth) in inline_depths(tokens).into_iter().enumerate() {
        let from_root = match tokens[at].as_str() {
            "crate" | "sessionwire" => true,
            // Above a module of the root is the root; inside `mod tests { … }` it is the file.
            "super" => depth == 0 && is_root_module(path),
            _ => false,
        };
        if from_root && tokens.get(at + 1).is_some_and(|it| it == "::") {
            found.extend(first_names(&tokens[at + 2..]));
        }
    }
    found
}

fn is_root_module(path: &str) -> bool {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    !inside.contains('/') || inside.ends_with("/mod.rs") && inside.matches('/').count() == 1
}

/// For each token, in how many `mod name { … }` it lies.
fn inline_depths(tokens: &[String]) -> Vec<usize> {
    let mut braces = Vec::new();
    let mut depths = Vec::with_capacity(tokens.len());
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => braces.push(at >= 2 && tokens[at - 2] == "mod"),
            "}" => drop(braces.pop()),
            _ => {}
        }
        depths.push(braces.iter().filter(|is_module| **is_module).count());
    }
    depths
}

/// The first names of the path, or of the group of paths, that the tokens begin with.
fn first_names(tokens: &[String]) -> Vec<String> {
    let Some(first) = tokens.first() else {
        return Vec::new();
    };
    if first != "{" {
        return vec![first.clone()];
    }
    let mut names = Vec::new();
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" if depth == 1 => break,
            "}" => depth -= 1,
            "," => {}
            name if depth == 1 && matches!(tokens[at - 1].as_str(), "{" | ",") => {
                names.push(name.to_owned());
            }
            _ => {}
        }
    }
    names
}

fn misplaced_words(path: &str, module: &str, tokens: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (library, places) in PLACES {
        let named = tokens.iter().any(|token| token == library);
        if named && !places.iter().any(|place| path.starts_with(place)) {
            found.push(format!(
                "names {library}, whose place is {}",
                places.join(", ")
            ));
        }
    }
    if tokens
        .windows(3)
        .any(|three| three == ["super", "::", "super"])
    {
        found.push("says super::super; name the module from the root".to_owned());
    }
    for word in NOT_IN_DOMAIN.iter().filter(|_| module == "domain") {
        if tokens.iter().any(|token| token == word) {
            found.push(format!(
                "domain decides and does nothing, so it has no use for `{word}`"
            ));
        }
    }
    found
}

fn shared_state(tokens: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "static" if is_shared_state(&tokens[at + 1..]) => {
                let name = tokens.get(at + 1).map(String::as_str).unwrap_or_default();
                found.push(format!(
                    "static {name} is state that several nodes would share"
                ));
            }
            "thread_local" | "lazy_static" => found.push(format!("{token}! is hidden state")),
            _ => {}
        }
    }
    found
}

/// Whether the static item whose tokens follow can change.
fn is_shared_state(item: &[String]) -> bool {
    let declared = item
        .iter()
        .take_while(|token| !matches!(token.as_str(), "=" | ";"));
    declared.into_iter().any(|token| {
        token == "mut" || token.starts_with("Atomic") || SHARED_STATE.contains(&token.as_str())
    })
}
