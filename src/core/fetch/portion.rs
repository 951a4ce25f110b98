//! How much a broker is asked for at a time while it holds back what was asked for.
//!
//! Whoever has used up a quota gets nothing for a while, or gets it late (KIP-219). Before 2.5 an answer that is larger
//! than what the quota allows for in its whole window is held back whenever it is asked for (KAFKA-9677): since 2.0 it
//! is put off for ever, and before that it comes so late that nobody waits for it any more. So whoever gets nothing asks
//! for less.

/// So little is less than a batch. A broker since 0.10.1 gives one batch at least, and an older one the beginning of it,
/// which says how large it is.
pub(super) const LEAST: usize = 1024;

/// From try to try the portion becomes so many times smaller.
const SHRINKS: usize = 4;

/// So many requests in a row are put off without a word. The smallest portion is reached long before.
const QUIET: u32 = 15;

/// What one broker may be asked for at a time.
#[derive(Debug, Default)]
pub(super) struct Portion {
    /// `None`: as much as there is room for.
    limit: Option<usize>,
    /// Requests in a row that were put off.
    put_offs: u32,
}

impl Portion {
    /// The most bytes of an answer.
    pub(super) fn limit(&self) -> Option<usize> {
        self.limit
    }

    /// Nothing came of a request for so many bytes.
    pub(super) fn shrink(&mut self, asked: usize) {
        let asked = self.limit.map_or(asked, |limit| limit.min(asked));
        self.limit = Some((asked / SHRINKS).max(LEAST));
    }

    /// The broker has put off a request for so many bytes. Whether the user is told of it.
    pub(super) fn put_off(&mut self, asked: usize) -> bool {
        self.shrink(asked);
        self.put_offs = self.put_offs.saturating_add(1);
        self.put_offs > QUIET && self.put_offs.is_power_of_two()
    }

    /// The broker has answered. If that brought something, the next one may bring more, up to what is asked for at the
    /// most.
    pub(super) fn answered(&mut self, is_fruitful: bool, largest: usize) {
        self.put_offs = 0;
        if is_fruitful {
            self.limit = self.limit.map(|limit| 2 * limit).filter(|l| *l < largest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shrinks_while_nothing_comes_and_grows_with_what_comes() {
        let mut portion = Portion::default();
        assert_eq!(portion.limit(), None);
        let mut asked = 1 << 20;
        let mut told = Vec::new();
        for time in 1..=64 {
            if portion.put_off(asked) {
                told.push(time);
            }
            asked = portion.limit().unwrap();
        }
        assert_eq!((asked, told), (LEAST, vec![16, 32, 64]));
        portion.answered(false, 1 << 20);
        assert_eq!(portion.limit(), Some(LEAST));
        assert!(!portion.put_off(asked), "it is another row");
        for doubled in 1..10 {
            portion.answered(true, 1 << 20);
            assert_eq!(portion.limit(), Some(LEAST << doubled));
        }
        portion.answered(true, 1 << 20);
        assert_eq!(portion.limit(), None);
    }
}
