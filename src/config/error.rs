use std::borrow::Cow;
use std::error::Error;
use std::fmt;

/// How much of a wrong value [`ConfigError`] repeats: enough to recognise it, and one line of a log.
const SHOWN_CHARS: usize = 80;

/// A setting that breaks a rule: which one, what it was, and what it must be.
///
/// Prints as `group.heartbeat.interval = 4s: must be at most a third of group.session.timeout (10s)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: &'static str,
    value: String,
    rule: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(
        field: &'static str,
        value: impl fmt::Debug,
        rule: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut value = format!("{value:?}");
        if let Some((end, _)) = value.char_indices().nth(SHOWN_CHARS) {
            value.truncate(end);
            value.push('…');
        }
        Self {
            field,
            value,
            rule: rule.into(),
        }
    }

    /// The setting, by its path below [`Config`](super::Config): `group.heartbeat.interval`.
    ///
    /// What is not a field of it has the name of the argument: `group_id`, `topics`.
    pub fn field(&self) -> &str {
        self.field
    }

    /// The value found, as `Debug` prints it; a long one is cut.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What the value must be.
    pub fn rule(&self) -> &str {
        &self.rule
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.field, self.value, self.rule)
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_which_setting_what_it_was_and_what_it_must_be() {
        let error = ConfigError::new("limits.request", 0, "must be at least 1");
        assert_eq!(error.to_string(), "limits.request = 0: must be at least 1");
        assert_eq!(
            (error.field(), error.value(), error.rule()),
            ("limits.request", "0", "must be at least 1")
        );
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters() {
        let error = ConfigError::new("client_id", "ß".repeat(500), "must be short");
        assert_eq!(error.value().chars().count(), SHOWN_CHARS + 1);
        assert!(error.value().ends_with("ß…"));
    }
}
