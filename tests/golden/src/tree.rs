use std::fmt;

/// Values by name, as `Debug` shows them.
///
/// What different crates show differently becomes the same here: newtypes and `Some` are left away, bytes
/// are lists of numbers, an error code is its number, and a span of records is its bytes.
#[derive(Clone, PartialEq)]
pub enum Tree {
    /// Fields in their order.
    Struct(Vec<(String, Tree)>),
    /// Elements of an array, or bytes.
    List(Vec<Tree>),
    /// Anything else; strings have quotes.
    Leaf(String),
}

impl Tree {
    /// Reads what `Debug` shows of a value. Spans point into `frame`.
    ///
    /// # Panics
    /// If the text is not of the form that derived `Debug` gives.
    pub fn of(value: &impl fmt::Debug, frame: &[u8]) -> Self {
        Self::parse(&format!("{value:?}"), frame)
    }

    /// As [`of`](Self::of), from text.
    ///
    /// # Panics
    /// If the text is not of the form that derived `Debug` gives.
    pub fn parse(text: &str, frame: &[u8]) -> Self {
        let mut parser = Parser { rest: text, frame };
        let tree = parser.value();
        assert_eq!(parser.rest, "", "all of the text is read");
        tree
    }

    /// All that is not the same in `theirs`, each with its path.
    ///
    /// Every field of theirs must be here; only at the top, where several layouts of ours share a struct of
    /// theirs, one may be missing that is as in `unset`, their struct without any value. Ours may have more
    /// fields, from versions that they do not know.
    pub fn differences(&self, theirs: &Self, unset: &Self) -> Vec<String> {
        let mut found = Vec::new();
        self.collect_differences("", theirs, Some(unset), &mut found);
        found
    }

    fn collect_differences(
        &self,
        path: &str,
        theirs: &Self,
        unset: Option<&Self>,
        found: &mut Vec<String>,
    ) {
        match (self, theirs) {
            (Self::Struct(_), Self::Struct(fields)) => {
                for (name, theirs) in fields {
                    let path = format!("{path}.{name}");
                    match self.field(name) {
                        Some(ours) => ours.collect_differences(&path, theirs, None, found),
                        None if unset.and_then(|unset| unset.field(name)) == Some(theirs) => {}
                        None => found.push(format!("{path}: nothing here, {theirs} there")),
                    }
                }
            }
            (Self::List(ours), Self::List(theirs)) if ours.len() == theirs.len() => {
                let path = format!("{path}[]");
                for (ours, theirs) in ours.iter().zip(theirs) {
                    ours.collect_differences(&path, theirs, None, found);
                }
            }
            _ if self == theirs => {}
            _ => found.push(format!("{path}: {self} here, {theirs} there")),
        }
    }

    fn field(&self, name: &str) -> Option<&Self> {
        let Self::Struct(fields) = self else {
            return None;
        };
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value)
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Struct(fields) => f
                .debug_map()
                .entries(fields.iter().map(|(name, value)| (name, value)))
                .finish(),
            Self::List(elements) => f.debug_list().entries(elements).finish(),
            Self::Leaf(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Parser<'a> {
    rest: &'a str,
    frame: &'a [u8],
}

impl<'a> Parser<'a> {
    fn value(&mut self) -> Tree {
        if self.skip("b\"") {
            return self.byte_string();
        }
        if self.skip("[") {
            return Tree::List(self.elements());
        }
        if self.rest.starts_with('"') {
            return Tree::Leaf(self.string());
        }
        let word = self.word();
        if self.skip(" {") {
            return Tree::Struct(self.fields());
        }
        if word == "Frame" {
            return self.span();
        }
        // A newtype, or the number behind the name of an error code.
        if self.skip("(") || self.skip(" (") {
            let inner = self.value();
            self.expect(")");
            return inner;
        }
        Tree::Leaf(word.to_owned())
    }

    fn fields(&mut self) -> Vec<(String, Tree)> {
        let mut fields = Vec::new();
        while !self.skip(" }") {
            let _ = self.skip(",");
            self.expect(" ");
            let name = self.word().to_owned();
            self.expect(": ");
            if name == "unknown_tagged_fields" {
                self.expect("{}");
            } else {
                fields.push((name, self.value()));
            }
        }
        fields
    }

    fn elements(&mut self) -> Vec<Tree> {
        let mut elements = Vec::new();
        while !self.skip("]") {
            let _ = self.skip(", ");
            elements.push(self.value());
        }
        elements
    }

    fn string(&mut self) -> String {
        let end = self.rest[1..]
            .find('"')
            .expect("no test value has quotes in it")
            + 2;
        let (string, rest) = self.rest.split_at(end);
        self.rest = rest;
        string.to_owned()
    }

    /// As the crate `bytes` shows them.
    fn byte_string(&mut self) -> Tree {
        let mut bytes = Vec::new();
        while !self.skip("\"") {
            let byte = if self.skip("\\x") {
                u8::from_str_radix(self.take(2), 16).expect("two digits")
            } else if self.skip("\\") {
                match self.take(1) {
                    "n" => b'\n',
                    "r" => b'\r',
                    "t" => b'\t',
                    "0" => 0,
                    other => other.as_bytes()[0],
                }
            } else {
                self.take(1).as_bytes()[0]
            };
            bytes.push(byte);
        }
        list_of(&bytes)
    }

    fn span(&mut self) -> Tree {
        self.expect("(");
        let range = self.word();
        self.expect(")");
        let (start, end) = range.split_once("..").expect("a range");
        let [start, end] =
            [start, end].map(|position| position.parse::<usize>().expect("a position"));
        list_of(&self.frame[start..end])
    }

    fn word(&mut self) -> &'a str {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, count: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(count);
        self.rest = rest;
        taken
    }

    fn skip(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) {
        assert!(self.skip(text), "{text:?} expected at {:?}", self.rest);
    }
}

fn list_of(bytes: &[u8]) -> Tree {
    Tree::List(
        bytes
            .iter()
            .map(|byte| Tree::Leaf(byte.to_string()))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::Tree;

    fn tree(text: &str) -> Tree {
        Tree::parse(text, b"frame")
    }

    #[test]
    fn what_crates_show_differently_becomes_the_same() {
        let ours = r#"R { id: 1, name: Some("x"), error: NOT_COORDINATOR (16), records: RecordSet(Frame(1..3)) }"#;
        let theirs = r#"R { id: BrokerId(1), name: Name("x"), error: 16, records: Some(b"ra"), unknown_tagged_fields: {} }"#;
        assert_eq!(tree(ours), tree(theirs));
        assert_eq!(tree(r#"b"\x01\n\"\\\0""#), tree("[1, 10, 34, 92, 0]"));
    }

    #[test]
    fn two_fields_that_have_changed_places_are_two_differences() {
        let ours = tree("R { list: [P { a: 1, b: 2 }] }");
        let theirs = tree("R { list: [P { b: 1, a: 2 }] }");
        let differences = ours.differences(&theirs, &tree("R { }"));
        assert_eq!(
            differences,
            [".list[].b: 2 here, 1 there", ".list[].a: 1 here, 2 there"]
        );
    }

    #[test]
    fn a_field_that_is_only_there_must_be_unset() {
        let unset = tree("R { a: 0, b: 0 }");
        assert!(
            tree("R { a: 1 }")
                .differences(&tree("R { a: 1, b: 0 }"), &unset)
                .is_empty()
        );
        assert_eq!(
            tree("R { a: 1 }").differences(&tree("R { a: 1, b: 2 }"), &unset),
            [".b: nothing here, 2 there"]
        );
    }
}
