/// The topics that a consumer names, each once, in alphabetical order.
///
/// Whatever lists topics turns into one. `()` names none, for a consumer that takes all its topics
/// from `config.group.topics.whitelist`.
///
/// ```
/// use sarama_cluster::config::Subscription;
///
/// assert_eq!(Subscription::from(["b", "a", "b"]).topics(), ["a", "b"]);
/// assert_eq!(Subscription::from("only").topics(), ["only"]);
/// assert!(Subscription::from(()).topics().is_empty());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subscription {
    topics: Vec<String>,
}

impl Subscription {
    /// The names, sorted, without duplicates.
    pub fn topics(&self) -> &[String] {
        &self.topics
    }
}

impl<T: Into<String>> FromIterator<T> for Subscription {
    fn from_iter<I: IntoIterator<Item = T>>(topics: I) -> Self {
        let mut topics: Vec<String> = topics.into_iter().map(Into::into).collect();
        topics.sort_unstable();
        topics.dedup();
        Self { topics }
    }
}

impl From<()> for Subscription {
    fn from((): ()) -> Self {
        Self::default()
    }
}

impl From<&str> for Subscription {
    fn from(topic: &str) -> Self {
        Self::from([topic])
    }
}

impl From<String> for Subscription {
    fn from(topic: String) -> Self {
        Self::from([topic])
    }
}

impl<T: Into<String>, const N: usize> From<[T; N]> for Subscription {
    fn from(topics: [T; N]) -> Self {
        topics.into_iter().collect()
    }
}

impl<T: Into<String>> From<Vec<T>> for Subscription {
    fn from(topics: Vec<T>) -> Self {
        topics.into_iter().collect()
    }
}

impl<T: AsRef<str>> From<&[T]> for Subscription {
    fn from(topics: &[T]) -> Self {
        topics.iter().map(AsRef::as_ref).collect()
    }
}

impl<T: AsRef<str>, const N: usize> From<&[T; N]> for Subscription {
    fn from(topics: &[T; N]) -> Self {
        Self::from(topics.as_slice())
    }
}

impl<T: AsRef<str>> From<&Vec<T>> for Subscription {
    fn from(topics: &Vec<T>) -> Self {
        Self::from(topics.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_list_of_names_is_a_subscription() {
        let expected = Subscription {
            topics: vec!["a".to_owned(), "b".to_owned()],
        };
        let owned = vec!["b".to_owned(), "a".to_owned(), "b".to_owned()];
        for subscription in [
            ["a", "b"].into(),
            (&["b", "a"]).into(),
            ["b", "a"].as_slice().into(),
            vec!["b", "a"].into(),
            (&owned).into(),
            owned.as_slice().into(),
            owned.into(),
            ["b", "a"].into_iter().collect(),
        ] {
            assert_eq!(expected, subscription);
        }
        assert_eq!(Subscription::from("a"), Subscription::from(["a"]));
        assert_eq!(
            Subscription::from("a".to_owned()),
            Subscription::from(["a"])
        );
        assert_eq!(Subscription::from(()), Subscription::default());
    }
}
