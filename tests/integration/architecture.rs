//! Holds the floors of the design: reads every source file, and fails on an import that climbs,
//! on a library outside its place, on state that outlives a node, and on files without a word
//! about what they are for or too long to be read.

mod rules;
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use rules::{LONGEST_FILE, violations};

/// Every Rust file under `folder`.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn the_floors_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "guard/src", "tests"] {
        let files = rust_files(&root.join(folder));
        assert!(!files.is_empty(), "no file under {folder}");
        for file in files {
            let path = file
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            found.extend(violations(&path, &fs::read_to_string(&file).unwrap()));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What is said about a file with a proper beginning and this code.
fn about(path: &str, code: &str) -> String {
    violations(path, &format!("//! A file.\n\n{code}\n")).join("\n")
}

#[test]
fn imports_that_climb_are_found() {
    for (path, code, told) in [
        (
            "src/domain/user.rs",
            "use crate::storage::Store;",
            "domain may not import storage",
        ),
        (
            "src/storage/user.rs",
            "use crate::bus::Bus;",
            "storage may not import bus",
        ),
        (
            "src/bus/mod.rs",
            "fn a() { crate::storage::b(); }",
            "bus may not import storage",
        ),
        (
            "src/service/a.rs",
            "use crate::{domain::User, node::{self, Hub}};",
            "import node",
        ),
        (
            "src/node/hub.rs",
            "use crate::{\n    domain,\n    service,\n};",
            "import service",
        ),
        (
            "src/transport/a.rs",
            "pub(crate) use crate::storage as kept;",
            "import storage",
        ),
        (
            "src/service/mod.rs",
            "use super::node::Hub;",
            "service may not import node",
        ),
        (
            "src/node/hub.rs",
            "use sessionwire::transport;",
            "node may not import transport",
        ),
        (
            "src/node/hub.rs",
            "use crate::config::Config;",
            "node may not import config",
        ),
        ("src/extra/mod.rs", "", "the module `extra` is on no floor"),
        (
            "guard/src/lib.rs",
            "use sessionwire::domain;",
            "guard imports the server",
        ),
    ] {
        let found = about(path, code);
        assert!(found.contains(told), "{path}: {code}: {found}");
    }
}

#[test]
fn imports_that_do_not_climb_are_fine() {
    for (path, code) in [
        (
            "src/domain/user.rs",
            "use crate::domain::id::UserId;\nuse sessionwire_guard::Claims;",
        ),
        (
            "src/service/a.rs",
            "use crate::{bus::Bus, domain, storage::{Store, bus}};",
        ),
        (
            "src/service/a.rs",
            "//! See [`crate::node`].\nconst A: &str = \"crate::node\";",
        ),
        ("src/service/mod.rs", "mod tests { use super::node; }"),
        (
            "src/transport/a.rs",
            "use crate::node::Hub;\nuse super::rest;",
        ),
        (
            "src/app/mod.rs",
            "use crate::{config, node, service, storage, transport};",
        ),
        ("src/main.rs", "use sessionwire::app;"),
        ("guard/src/lib.rs", "use crate::claims::Claims;"),
    ] {
        assert_eq!(about(path, code), "", "{path}: {code}");
    }
}

#[test]
fn libraries_keep_to_their_place() {
    assert_ne!(about("src/service/a.rs", "use sqlx::Row;"), "");
    assert_ne!(about("src/node/a.rs", "fn a(b: axum::body::Body) {}"), "");
    assert_ne!(about("src/domain/a.rs", "pub async fn a() {}"), "");
    assert_eq!(about("src/storage/a.rs", "use sqlx::Row;"), "");
    assert_eq!(
        about("src/bus/postgres.rs", "use sqlx::postgres::PgListener;"),
        ""
    );
    assert_eq!(about("src/app/http.rs", "use axum::Router;"), "");
}

#[test]
fn shared_state_is_found() {
    for code in [
        "static A: Mutex<u8> = Mutex::new(0);",
        "pub(crate) static A: std::sync::OnceLock<u8> = OnceLock::new();",
        "static A: AtomicU64 = AtomicU64::new(0);",
        "static mut A: u8 = 0;",
        "thread_local! { static A: u8 = 0; }",
        "use super::super::a;",
    ] {
        assert_ne!(about("src/node/a.rs", code), "", "{code}");
    }
    assert_eq!(
        about(
            "src/node/a.rs",
            "static A: &str = \"a\"; fn b(c: &'static Mutex<u8>) {}"
        ),
        ""
    );
}

#[test]
fn a_file_says_what_it_is_for_and_can_be_read() {
    assert!(
        violations("src/lib.rs", "use std::fmt;")
            .join("")
            .contains("`//!`")
    );
    let long = format!("//! Long.\n{}", "\n".repeat(LONGEST_FILE));
    assert!(violations("tests/a.rs", &long).join("").contains("lines"));
}
