//! The layers of the library: a module names only what lies below it.
//!
//! This reads the sources, not the program: every path that starts at `crate::`, or climbs to the root by
//! `super::`, is an arrow from the layer of its file to the layer that it names.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Each layer and what it may name besides itself.
const LAYERS: &[(&str, &str)] = &[
    ("wire", ""),
    ("protocol", "wire"),
    ("record", "wire protocol"),
    ("config", "error"),
    // It knows two of those that know it: a setting that is refused is an error, and an error says
    // which broker it came from.
    ("error", "wire protocol record config call"),
    ("call", "wire protocol record config error"),
    ("core", "wire protocol record config error call"),
    ("net", "wire protocol record config error call"),
    (
        "client",
        "wire protocol record config error call core net consumer",
    ),
    (
        "consumer",
        "wire protocol record config error call core net client",
    ),
    ("testing", "wire protocol record"),
];

/// What the tests inside any layer may name in addition: they need a Kafka to talk to.
const FOR_TESTS: &str = "testing";

#[test]
fn no_arrow_runs_up() {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<_> = rust_files(&sources)
        .iter()
        .map(|file| read(file, &sources))
        .collect();
    let tests: Vec<_> = files
        .iter()
        .flat_map(|(_, _, found)| &found.test_modules)
        .collect();

    let mut complaints = Vec::new();
    for (path, module, found) in &files {
        let is_test = tests.iter().any(|test| module.starts_with(test));
        for arrow in &found.arrows {
            if let Some(complaint) = judge(module, arrow, is_test) {
                complaints.push(format!("{}:{}: {complaint}", path.display(), arrow.line));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));

    let layers: BTreeSet<_> = files
        .iter()
        .filter_map(|(_, module, _)| module.first())
        .collect();
    let table: BTreeSet<_> = LAYERS.iter().map(|(layer, _)| *layer).collect();
    assert!(
        layers.into_iter().eq(table),
        "a layer has no file, or a file has no layer"
    );
}

/// All sources below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("the sources can be listed").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// A file, the module that it is, and what it tells.
fn read(file: &Path, sources: &Path) -> (PathBuf, Vec<String>, Found) {
    let inside = file
        .strip_prefix(sources)
        .expect("it was found there")
        .with_extension("");
    let mut module: Vec<_> = inside
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    let text = fs::read_to_string(file).expect("the sources can be read");
    let found = scan(&text, &module);
    (file.to_owned(), module, found)
}

/// Says what is wrong with an arrow from `module`, if anything is.
fn judge(module: &[String], arrow: &Arrow, is_test: bool) -> Option<String> {
    // The root only collects what the layers offer.
    let from = module.first()?;
    let to = &arrow.to;
    if from == to || ((is_test || arrow.is_test) && to == FOR_TESTS) {
        return None;
    }
    let (_, below) = LAYERS.iter().find(|(layer, _)| layer == from)?;
    if below.split(' ').any(|layer| layer == to) {
        None
    } else if LAYERS.iter().any(|(layer, _)| layer == to) {
        Some(format!("{from} must not know {to}"))
    } else {
        Some(format!(
            "crate::{to} is no layer: say which module it comes from"
        ))
    }
}

/// What one file tells.
#[derive(Debug, Default)]
struct Found {
    arrows: Vec<Arrow>,
    /// The modules in other files that are declared here for tests only.
    test_modules: Vec<Vec<String>>,
}

/// A name taken from the crate's root.
#[derive(Debug)]
struct Arrow {
    to: String,
    line: usize,
    is_test: bool,
}

/// What follows the `#` of what is compiled for tests only.
const CFG_TEST: [&str; 6] = ["[", "cfg", "(", "test", ")", "]"];

/// What an open brace belongs to.
struct Scope {
    module: Option<String>,
    is_test: bool,
}

/// Reads one file, which is `module`.
fn scan(text: &str, module: &[String]) -> Found {
    let tokens = tokenize(text);
    let word = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    let mut found = Found::default();
    let mut scopes: Vec<Scope> = Vec::new();
    // Of the item that has been announced and not yet opened.
    let (mut named, mut for_tests) = (None, false);
    let mut at = 0;
    while at < tokens.len() {
        let is_test = for_tests || scopes.last().is_some_and(|scope| scope.is_test);
        let inline = scopes.iter().filter_map(|scope| scope.module.clone());
        let here: Vec<_> = module.iter().cloned().chain(inline).collect();
        match word(at) {
            "{" => {
                scopes.push(Scope {
                    module: named.take(),
                    is_test,
                });
                for_tests = false;
            }
            "}" => drop(scopes.pop()),
            ";" => for_tests = false,
            "#" => {
                let what = (at + 1..).map(word);
                for_tests |= what.zip(CFG_TEST).all(|(is, must)| is == must);
            }
            "mod" if word(at + 2) == "{" => named = Some(word(at + 1).to_owned()),
            "mod" if word(at + 2) == ";" && is_test => {
                let module = here.into_iter().chain([word(at + 1).to_owned()]);
                found.test_modules.push(module.collect());
            }
            "crate" | "super" if word(at + 1) == "::" => {
                let line = tokens[at].line;
                let mut climbed = if word(at) == "crate" { here.len() } else { 1 };
                at += 2;
                while word(at) == "super" {
                    climbed += 1;
                    at += 2;
                }
                if climbed == here.len() {
                    let arrow = |to| Arrow { to, line, is_test };
                    found
                        .arrows
                        .extend(first_names(&tokens[at..]).into_iter().map(arrow));
                }
                // What follows may be a group, which is read as any braces are.
                continue;
            }
            _ => (),
        }
        at += 1;
    }
    found
}

/// The first name of each path that follows: one, or those of a group.
fn first_names(tokens: &[Token]) -> Vec<String> {
    if tokens.first().is_none_or(|token| token.text != "{") {
        return tokens
            .iter()
            .take(1)
            .map(|token| token.text.clone())
            .collect();
    }
    let (mut depth, mut names) = (0, Vec::new());
    for pair in tokens.windows(2) {
        match pair[0].text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => (),
        }
        if depth == 0 {
            break;
        }
        let starts = depth == 1 && matches!(pair[0].text.as_str(), "{" | ",");
        if starts && pair[1].text != "}" {
            names.push(pair[1].text.clone());
        }
    }
    names
}

#[derive(Debug)]
struct Token {
    text: String,
    line: usize,
}

/// Splits Rust into names, `::` and single signs; comments, strings and numbers are left out.
fn tokenize(text: &str) -> Vec<Token> {
    let (mut rest, mut line, mut tokens) = (text, 1, Vec::new());
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest),
            'r' | 'b' | 'c' if raw_string(rest).is_some() => raw_string(rest).unwrap_or(1),
            '\'' => character_or_lifetime(rest),
            _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_name = is_word(first) && !first.is_ascii_digit() && !token.contains('"');
        let is_sign = matches!(token, "::") || (token.len() == 1 && first.is_ascii_punctuation());
        if is_name || is_sign {
            tokens.push(Token {
                text: token.to_owned(),
                line,
            });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            [] => return at,
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
}

/// The length of a string literal, from its quote to its quote.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of a raw string, if this starts one; other prefixes stand before an ordinary string.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let content = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let closing = content
        .find(&end)
        .map_or(content.len(), |at| at + end.len());
    Some(text.len() - content.len() + closing)
}

fn character_or_lifetime(text: &str) -> usize {
    let mut after = text.char_indices().skip(1);
    match (after.next(), after.next()) {
        (Some((_, '\\')), Some((at, _))) => text[at + 1..]
            .find('\'')
            .map_or(text.len(), |more| at + 1 + more + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

mod of_this_test {
    use super::*;

    fn complaints(layer: &str, text: &str) -> Vec<String> {
        let module = [layer.to_owned(), "inner".to_owned()];
        let arrows = scan(text, &module).arrows;
        arrows
            .iter()
            .filter_map(|arrow| judge(&module, arrow, false))
            .collect()
    }

    #[test]
    fn an_arrow_that_runs_up_is_caught_however_it_is_written() {
        for up in [
            "use crate::consumer::Consumer;",
            "use crate::{wire::Decoder, consumer::{Consumer, Closer}};",
            "use crate::{\n    protocol::{self, fetch},\n    consumer,\n};",
            "use super::super::consumer::Consumer;",
            "use self::super::super::consumer::Consumer;",
            "mod deep { use super::super::super::consumer; }",
            "fn f() -> crate::consumer::Consumer { todo!() }",
            "macro_rules! m { () => { $crate::consumer::go() } }",
            "const QUOTE: char = '\"'; use crate::consumer::Consumer; // \"",
            "const RAW: &str = r#\"\"#; use crate::consumer::Consumer;",
            "#[cfg(test)] use crate::testing::FakeCluster; use crate::consumer::Consumer;",
        ] {
            assert_eq!(
                complaints("core", up),
                ["core must not know consumer"],
                "{up}"
            );
        }
    }

    #[test]
    fn a_name_from_the_root_must_say_its_layer() {
        assert_eq!(complaints("core", "use crate::Error;").len(), 1);
        assert_eq!(complaints("core", "use crate::*;").len(), 1);
        assert_eq!(complaints("core", "use super::super::Error;").len(), 1);
    }

    #[test]
    fn an_arrow_that_runs_down_passes() {
        for down in [
            "use crate::{protocol::{fetch, testing}, wire};",
            "use super::consumer::Consumer;",
            "mod deep { use super::super::consumer; }",
            "pub(crate) fn f() {}",
            "pub(in crate::core) fn f() {}",
            "// use crate::consumer::Consumer;",
            "/* /* */ use crate::consumer::Consumer; */",
            "const TEXT: &str = \"\\\" use crate::consumer::Consumer;\";",
            "const TEXT: &[u8] = br#\"use crate::consumer::Consumer;\"#;",
            "fn f<'a>(_: &'a str) -> char { '\\'' }",
            "#[cfg(test)] mod tests { use crate::testing::FakeCluster; }",
        ] {
            assert_eq!(complaints("core", down), Vec::<String>::new(), "{down}");
        }
    }

    #[test]
    fn only_tests_may_name_the_cluster_for_tests() {
        let text = "#[cfg(test)] mod tests { fn f() {} } use crate::testing::FakeCluster;";
        assert_eq!(complaints("core", text), ["core must not know testing"]);
    }

    #[test]
    fn a_module_of_tests_in_another_file_counts_as_tests() {
        let found = scan("#[cfg(test)]\nmod tests;\nmod code;", &["core".to_owned()]);
        assert_eq!(found.test_modules, [["core", "tests"]]);
    }
}
