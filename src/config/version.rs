use std::fmt;
use std::str::FromStr;

use super::ConfigError;

/// A release of Apache Kafka, such as 0.10.2.1 or 3.9.0.
///
/// Releases before 1.0 have four numbers, later ones three; versions compare in release order.
/// Parsing takes the same forms and fills numbers left out with 0: `2.8` is 2.8.0.
///
/// ```
/// use sarama_cluster::config::KafkaVersion;
///
/// let version: KafkaVersion = "2.8.1".parse()?;
/// assert!(version > KafkaVersion::V0_11_0_0);
/// assert_eq!(version.to_string(), "2.8.1");
/// # Ok::<(), sarama_cluster::config::ConfigError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KafkaVersion {
    // The derived order compares in this sequence.
    major: u16,
    minor: u16,
    patch: u16,
    sub: u16,
}

macro_rules! releases {
    ($($name:ident ($major:literal, $minor:literal, $patch:literal, $sub:literal))*) => {
        impl KafkaVersion {
            $(
                #[allow(missing_docs, reason = "the name says it all")]
                pub const $name: Self = Self::new($major, $minor, $patch, $sub);
            )*
        }

        #[cfg(test)]
        const NAMED: &[(&str, KafkaVersion)] = &[$((stringify!($name), KafkaVersion::$name)),*];
    };
}

// The first release of each line, oldest first.
releases! {
    V0_9_0_0  (0,  9, 0, 0)
    V0_10_0_0 (0, 10, 0, 0)
    V0_10_1_0 (0, 10, 1, 0)
    V0_10_2_0 (0, 10, 2, 0)
    V0_11_0_0 (0, 11, 0, 0)
    V1_0_0 (1, 0, 0, 0)
    V1_1_0 (1, 1, 0, 0)
    V2_0_0 (2, 0, 0, 0)
    V2_1_0 (2, 1, 0, 0)
    V2_2_0 (2, 2, 0, 0)
    V2_3_0 (2, 3, 0, 0)
    V2_4_0 (2, 4, 0, 0)
    V2_5_0 (2, 5, 0, 0)
    V2_6_0 (2, 6, 0, 0)
    V2_7_0 (2, 7, 0, 0)
    V2_8_0 (2, 8, 0, 0)
    V3_0_0 (3, 0, 0, 0)
    V3_1_0 (3, 1, 0, 0)
    V3_2_0 (3, 2, 0, 0)
    V3_3_0 (3, 3, 0, 0)
    V3_4_0 (3, 4, 0, 0)
    V3_5_0 (3, 5, 0, 0)
    V3_6_0 (3, 6, 0, 0)
    V3_7_0 (3, 7, 0, 0)
    V3_8_0 (3, 8, 0, 0)
    V3_9_0 (3, 9, 0, 0)
    V4_0_0 (4, 0, 0, 0)
    V4_1_0 (4, 1, 0, 0)
    V4_2_0 (4, 2, 0, 0)
    V4_3_0 (4, 3, 0, 0)
    V4_4_0 (4, 4, 0, 0)
}

impl KafkaVersion {
    /// The newest release whose protocol is spoken.
    pub const MAX: Self = Self::V4_4_0;

    /// A release by its numbers; `sub` is 0 from 1.0 on.
    pub const fn new(major: u16, minor: u16, patch: u16, sub: u16) -> Self {
        Self {
            major,
            minor,
            patch,
            sub,
        }
    }
}

impl fmt::Display for KafkaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            major,
            minor,
            patch,
            sub,
        } = self;
        write!(f, "{major}.{minor}.{patch}")?;
        if *major == 0 || *sub != 0 {
            write!(f, ".{sub}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for KafkaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for KafkaVersion {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| {
            let rule = "must be a Kafka release like 0.10.2.1, 2.8.0 or 3.9";
            ConfigError::new("version", text, rule)
        })
    }
}

fn parse(text: &str) -> Option<KafkaVersion> {
    let mut numbers = [0; 4];
    let mut given = 0;
    for part in text.split('.') {
        // `u16::from_str` alone would take a sign.
        if !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *numbers.get_mut(given)? = part.parse().ok()?;
        given += 1;
    }
    let [major, minor, patch, sub] = numbers;
    let most = if major == 0 { 4 } else { 3 };
    (2..=most)
        .contains(&given)
        .then_some(KafkaVersion::new(major, minor, patch, sub))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_says_its_numbers_and_the_list_is_in_release_order() {
        for (name, version) in NAMED {
            assert_eq!(*name, format!("V{version}").replace('.', "_"));
            assert_eq!(version.to_string().parse(), Ok(*version));
        }
        assert!(NAMED.is_sorted_by(|(_, older), (_, newer)| older < newer));
        assert_eq!(NAMED.last().unwrap().1, KafkaVersion::MAX);
    }

    #[test]
    fn patch_releases_and_short_forms_parse() {
        for (text, version) in [
            ("0.10.2.1", KafkaVersion::new(0, 10, 2, 1)),
            ("0.9", KafkaVersion::V0_9_0_0),
            ("2.4.1", KafkaVersion::new(2, 4, 1, 0)),
            ("3.9", KafkaVersion::V3_9_0),
        ] {
            assert_eq!(text.parse(), Ok(version), "{text}");
        }
    }

    #[test]
    fn what_is_no_release_is_refused() {
        for text in [
            "",
            "4",
            "4.",
            "4..0",
            "v4.0.0",
            "2.8.0.1",
            "0.9.0.0.0",
            "+2.8",
            "2.-8",
            "2.65536",
            "2.8 ",
            "２.8",
        ] {
            let error = text.parse::<KafkaVersion>().unwrap_err();
            assert_eq!(error.field(), "version", "{text}");
        }
    }
}
