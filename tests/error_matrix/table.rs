//! The table of reactions, as the document shows it and as the code has it.

use std::{collections::BTreeSet, fs, path::Path, sync::LazyLock};

use sarama_cluster::{
    core::reaction::{Reaction, reaction},
    testing::{ApiKey, ErrorCode},
};

/// What is to be played: one code, and what the table says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) api: ApiKey,
    pub(crate) code: ErrorCode,
    /// Whether the table names the code; else it stands for all others.
    pub(crate) is_listed: bool,
    pub(crate) reaction: Reaction,
}

/// A line of the document: the heading that it stands under, and its first two cells.
struct Line {
    api: String,
    code: String,
    reaction: String,
}

static DOCUMENT: LazyLock<Vec<Line>> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reactions.md");
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    lines(&text)
});

fn lines(document: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut api = None;
    for line in document.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            api = Some(heading.trim());
        }
        let (Some(api), Some(cells)) = (api, line.strip_prefix('|')) else {
            continue;
        };
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        if cells[0] != "Code" && !cells[0].starts_with('-') {
            lines.push(Line {
                api: api.to_owned(),
                code: cells[0].trim_matches('`').to_owned(),
                reaction: cells[1].to_owned(),
            });
        }
    }
    lines
}

/// The APIs that the document has a table for.
pub(crate) fn apis() -> BTreeSet<&'static str> {
    DOCUMENT.iter().map(|line| line.api.as_str()).collect()
}

/// The rows of an API.
///
/// # Panics
/// If the document has none, or says something else than the code.
pub(crate) fn rows(api: ApiKey) -> Vec<Row> {
    let lines = DOCUMENT.iter().filter(|line| line.api == api.name());
    let rows: Vec<Row> = lines.flat_map(|line| rows_of(api, line)).collect();
    assert!(!rows.is_empty(), "the document has no table for {api}");
    rows
}

fn rows_of(api: ApiKey, line: &Line) -> Vec<Row> {
    let (codes, is_listed) = match line.code.as_str() {
        // Codes that no table lists, because no broker sends them to a consumer.
        "any other, retriable" => (vec![ErrorCode::NETWORK_EXCEPTION], false),
        "any other" => (vec![ErrorCode::POLICY_VIOLATION, ErrorCode(9999)], false),
        name => (vec![named(name)], true),
    };
    let row = |code| {
        let reaction = reaction(api, code);
        assert_eq!(format!("{reaction:?}"), line.reaction, "{api}, {code:?}");
        Row {
            api,
            code,
            is_listed,
            reaction,
        }
    };
    codes.into_iter().map(row).collect()
}

fn named(name: &str) -> ErrorCode {
    let found = ErrorCode::ALL.iter().find(|code| code.name() == name);
    *found.unwrap_or_else(|| panic!("the document names {name}, which is no code of Kafka"))
}
