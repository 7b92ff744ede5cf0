//! The documents say what the code does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use privnum::domain::release::StateCode;
use privnum::wire::result_code::ResultCode;

#[test]
fn the_result_code_page_lists_exactly_the_codes_of_the_program() {
    let page = include_str!("../../proto-docs/result-codes.md");
    let row = |line: &str| -> Option<(u16, String, String)> {
        let cells: Vec<_> = line.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect();
        Some((cells.get(1)?.parse().ok()?, cells.get(2)?.clone(), cells.get(3)?.clone()))
    };
    let mut documented: Vec<_> = page.lines().filter_map(row).collect();
    let mut known: Vec<_> = ResultCode::ALL
        .iter()
        .map(|code| (code.status(), code.code().to_owned(), code.text().to_owned()))
        .collect();
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
}

#[test]
fn the_page_of_causes_has_the_texts_of_the_program() {
    let page = include_str!("../../proto-docs/causes.md");
    let table = page.split("## What the gateway causes").nth(1).unwrap().split("\n## ").next().unwrap();
    let row = |line: &'static str| -> Option<(u16, &str)> {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        Some((cells.get(1)?.parse().ok()?, cells.get(4)?))
    };
    let documented: Vec<_> = table.lines().filter_map(row).collect();
    assert!(documented.len() > 20, "{documented:?}");
    for (code, text) in documented {
        assert_eq!(StateCode::from_number(code).unwrap().desc(), text, "{code}");
    }
}

/// Every `privnum_...` word of a text.
fn metric_names(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let words = text.split(|c: char| !is_part(c)).filter(|word| word.starts_with("privnum_"));
    // A histogram shows as three series.
    let series = ["_bucket", "_sum", "_count"];
    let name = |word: &str| series.iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word).to_owned();
    words.map(name).collect()
}

#[test]
fn alerts_and_dashboard_use_only_metrics_that_exist() {
    let declared = metric_names(concat!(
        include_str!("../../src/metrics.rs"),
        include_str!("../../src/metrics/replays.rs"),
        include_str!("../../src/metrics/scheduler.rs")
    ));
    let alerts = metric_names(include_str!("../../deploy/alerts.yml"));
    let dashboard = metric_names(include_str!("../../deploy/grafana-dashboard.json"));
    for used in [&alerts, &dashboard] {
        assert!(used.len() > 8);
        let unknown: Vec<_> = used.difference(&declared).collect();
        assert!(unknown.is_empty(), "{unknown:?} are not declared in src/metrics");
    }
}

#[test]
fn every_alert_says_how_urgent_it_is_and_what_to_do() {
    let alerts: Vec<_> = include_str!("../../deploy/alerts.yml").split("      - alert: ").skip(1).collect();
    assert!(alerts.len() > 10);
    for alert in alerts {
        let severe = ["{ severity: page }", "{ severity: ticket }"].iter().any(|text| alert.contains(text));
        let complete = ["expr: ", "summary: \"", "description: \""].iter().all(|text| alert.contains(text));
        assert!(severe && complete && !alert.contains('\t'), "{alert}");
    }
}

#[test]
fn the_dashboard_is_json_with_a_query_in_every_panel() {
    let dashboard: serde_json::Value =
        serde_json::from_str(include_str!("../../deploy/grafana-dashboard.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(
        panels.iter().all(|panel| panel["targets"][0]["expr"].as_str().is_some_and(|expr| !expr.is_empty()))
    );
    assert_eq!(panels.len(), 16);
}

/// The text of every Rust file below a folder.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
    text
}

/// The tests that a page names but that do not exist, of at least so many.
fn missing_tests(page: &str, at_least: usize) -> Vec<&str> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code = sources(&root.join("src")) + &sources(&root.join("tests"));
    let is_test = |word: &&str| word.matches('_').count() > 2 && word.bytes().all(|byte| byte != b' ');
    let named: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(named.len() > at_least, "{}", named.len());
    named.into_iter().filter(|name| !code.contains(&format!("fn {name}("))).collect()
}

#[test]
fn every_test_that_the_page_of_sources_names_exists() {
    let missing = missing_tests(include_str!("../../proto-docs/sources.md"), 70);
    assert!(missing.is_empty(), "{missing:#?}");
}

const COVERAGE: &str = include_str!("../../proto-docs/coverage.md");

#[test]
fn every_test_and_example_that_the_page_of_coverage_names_exists() {
    let missing = missing_tests(COVERAGE, 90);
    assert!(missing.is_empty(), "{missing:#?}");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto-docs/examples");
    for link in COVERAGE.split("](examples/").skip(1) {
        let name = link.split(')').next().unwrap();
        assert!(examples.join(name).is_file(), "{name}");
    }
}

/// The rows of a page's tables: the heading above, the first cell of the header, the first cell of the row.
fn table_rows(page: &str) -> Vec<(&str, &str, &str)> {
    let (mut heading, mut header, mut rows) = ("", None, Vec::new());
    for line in page.lines() {
        let cell = line.strip_prefix('|').map(|cells| cells.split('|').next().unwrap_or_default().trim());
        match (cell, header) {
            (None, _) => {
                header = None;
                if let Some(text) = line.strip_prefix('#') {
                    heading = text.trim_start_matches('#').trim();
                }
            }
            (Some(cell), None) => header = Some(cell),
            (Some(cell), Some(_)) if !cell.is_empty() && cell.bytes().all(|byte| byte == b'-') => {}
            (Some(cell), Some(header)) => rows.push((heading, header, cell)),
        }
    }
    rows
}

#[test]
fn the_page_of_coverage_has_a_row_for_everything_that_is_documented() {
    const PROMISES: [&str; 11] = [
        "field",
        "parameter",
        "selector",
        "answer member",
        "member",
        "refusal",
        "code",
        "text",
        "eventType",
        "status",
        "answer",
    ];
    let covered: BTreeSet<_> = table_rows(COVERAGE)
        .into_iter()
        .map(|(heading, _, row)| (heading.to_owned(), row.to_owned()))
        .collect();
    let mut wanted = BTreeSet::new();
    for page in [include_str!("../../proto-docs/customer.md"), include_str!("../../proto-docs/callbacks.md")]
    {
        for (heading, header, row) in table_rows(page) {
            let promises = PROMISES.contains(&header) || header.starts_with("member of ");
            let whole = matches!(heading, "Transport" | "Reading fields" | "Standard Webhooks");
            if promises || whole {
                wanted.insert((heading.to_owned(), row.to_owned()));
            }
        }
    }
    assert!(wanted.len() > 250, "{}", wanted.len());
    let codes = ResultCode::ALL.iter().map(|code| format!("{}/{}", code.status(), code.code()));
    wanted.extend(codes.map(|code| ("Result codes".to_owned(), code)));
    // What can be caused has a name in the program; the whole list is longer.
    let release = include_str!("../../src/domain/release.rs");
    let named = release.split(": Self = Self(").skip(1).map(|rest| rest.split(')').next().unwrap());
    wanted.extend(named.map(|state| ("State codes".to_owned(), state.to_owned())));
    let missing: Vec<_> = wanted.difference(&covered).collect();
    assert!(missing.is_empty(), "name a test for these in proto-docs/coverage.md: {missing:#?}");
}
