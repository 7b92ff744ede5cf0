//! The documents say what the code does.

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
