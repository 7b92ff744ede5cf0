//! Facts about the source tree that a reviewer should not have to check: the top level, and the layers of
//! src/ARCHITECTURE.md, which would be gone in a month if they were only written down.

use std::fs;
use std::path::{Path, PathBuf};

/// Words that must not stand in a folder's code.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "src/domain",
        &[
            "tokio",
            "hyper::",
            "reqwest",
            "serde",
            "dashmap",
            "rand::",
            "::now()",
            "crate::wire",
            "crate::store",
            "crate::engine",
        ],
    ),
    ("src/wire", &["tokio", "hyper::", "crate::store", "crate::engine", "crate::registry", "crate::api"]),
    ("src/registry", &["tokio", "crate::store", ".await", "crate::engine"]),
    ("src/store", &["crate::wire", "crate::registry", "crate::engine", "crate::api"]),
    ("src/outbound", &["crate::store", "crate::engine", "crate::api"]),
    ("src/recording", &["crate::store", "crate::wire", "crate::engine", "crate::api", "crate::http"]),
    ("src/control.rs", &["crate::store", "crate::wire", "crate::engine", "crate::api"]),
    ("src/bucket.rs", &["crate::store", "crate::wire", "crate::engine", "crate::api"]),
    ("src/remote.rs", &["crate::domain", "crate::store", "crate::wire", "crate::engine", "crate::api"]),
    ("src/engine", &["hyper::", "crate::api", "serde"]),
    ("src/http", &["crate::domain", "crate::engine", "crate::wire"]),
    ("src/api", &["reqwest", "rusqlite"]),
    ("src/cli/operator", &["crate::app", "crate::engine", "crate::registry", "crate::store"]),
];

const TOP_LEVEL: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "deploy",
    "loadtest",
    "proto-docs",
    "src",
    "target",
    "tests",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    if folder.is_file() {
        return vec![folder.into()];
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of a file that are neither comments nor tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let is_test = path.iter().any(|part| part == "tests" || part == "contract") || path.ends_with("tests.rs");
    let text = if is_test { "" } else { text.split("#[cfg(test)]\nmod tests {").next().unwrap() };
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_layer_uses_only_what_it_may() {
    let mut problems = Vec::new();
    for (folder, words) in FORBIDDEN {
        for path in sources(&root().join(folder)) {
            let code = code(&path);
            let used = words.iter().filter(|word| code.contains(**word));
            problems.extend(used.map(|word| format!("{} uses {word}", path.display())));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_top_level_holds_what_it_should_and_nothing_else() {
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.starts_with('.') || TOP_LEVEL.contains(&name.as_str()), "{name} does not belong here");
    }
}
