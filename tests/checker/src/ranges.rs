//! Sets of offsets, kept as ranges: fifty million successive offsets are one entry.

use std::{collections::BTreeMap, ops::RangeInclusive};

/// A set of offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The last offset of each range by its first. They neither overlap nor touch.
    by_first: BTreeMap<i64, i64>,
}

impl Ranges {
    /// Adds offsets.
    pub fn insert(&mut self, offsets: RangeInclusive<i64>) {
        let (mut first, mut last) = offsets.into_inner();
        if first > last {
            return;
        }
        if let Some(mut entry) = self.by_first.last_entry() {
            // What comes in order is the usual case.
            if *entry.key() <= first && first <= entry.get().saturating_add(1) {
                *entry.get_mut() = last.max(*entry.get());
                return;
            }
        }
        if let Some((&before, &end)) = self.by_first.range(..=first).next_back()
            && end.saturating_add(1) >= first
        {
            first = before;
            last = last.max(end);
        }
        let behind = last.saturating_add(1);
        while let Some((&next, &end)) = self.by_first.range(first..=behind).next_back() {
            last = last.max(end);
            self.by_first.remove(&next);
        }
        self.by_first.insert(first, last);
    }

    /// Takes offsets out.
    pub fn remove(&mut self, offsets: RangeInclusive<i64>) {
        let (first, last) = offsets.into_inner();
        if first > last {
            return;
        }
        while let Some((&start, &end)) = self.by_first.range(..=last).next_back() {
            if end < first {
                return;
            }
            self.by_first.remove(&start);
            if end > last {
                self.by_first.insert(last + 1, end);
            }
            if start < first {
                self.by_first.insert(start, first - 1);
                return;
            }
        }
    }

    /// The part of it within some bounds, in order.
    pub fn within(
        &self,
        bounds: RangeInclusive<i64>,
    ) -> impl Iterator<Item = RangeInclusive<i64>> + '_ {
        let (first, last) = bounds.into_inner();
        let before = self.by_first.range(..first).next_back();
        let inside = (first <= last).then(|| self.by_first.range(first..=last));
        before
            .into_iter()
            .chain(inside.into_iter().flatten())
            .map(move |(&start, &end)| start.max(first)..=end.min(last))
            .filter(|range| !range.is_empty())
    }

    /// Its ranges, in order.
    pub fn iter(&self) -> impl Iterator<Item = RangeInclusive<i64>> + '_ {
        self.by_first.iter().map(|(&first, &last)| first..=last)
    }

    /// Whether an offset is in it.
    pub fn contains(&self, offset: i64) -> bool {
        self.within(offset..=offset).next().is_some()
    }

    /// How many offsets are in it.
    pub fn count(&self) -> u64 {
        self.iter().map(|range| size(&range)).sum()
    }

    /// How many of some offsets are in it.
    pub fn count_within(&self, bounds: RangeInclusive<i64>) -> u64 {
        self.within(bounds).map(|range| size(&range)).sum()
    }

    /// The lowest offset.
    pub fn first(&self) -> Option<i64> {
        self.by_first.first_key_value().map(|(&first, _)| first)
    }

    /// The highest offset.
    pub fn last(&self) -> Option<i64> {
        self.by_first.last_key_value().map(|(_, &last)| last)
    }

    /// Whether all of another is in it.
    pub fn covers(&self, other: &Self) -> bool {
        other.iter().all(|range| {
            let (first, last) = range.into_inner();
            let around = self.by_first.range(..=first).next_back();
            around.is_some_and(|(_, &end)| end >= last)
        })
    }

    /// What is in it and not in another.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = self.clone();
        for range in other.iter() {
            rest.remove(range);
        }
        rest
    }
}

/// How many offsets a range has.
pub(crate) fn size(range: &RangeInclusive<i64>) -> u64 {
    range.end().abs_diff(*range.start()).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn list(ranges: &Ranges) -> Vec<(i64, i64)> {
        ranges.iter().map(RangeInclusive::into_inner).collect()
    }

    #[test]
    fn neighbours_become_one() {
        let mut ranges = Ranges::default();
        ranges.insert(0..=4);
        ranges.insert(6..=9);
        assert_eq!(list(&ranges), [(0, 4), (6, 9)]);
        ranges.insert(5..=5);
        assert_eq!(list(&ranges), [(0, 9)]);
        ranges.remove(3..=3);
        assert_eq!(list(&ranges), [(0, 2), (4, 9)]);
    }

    /// Against a set of single offsets, with all that happens in a small space.
    #[test]
    fn it_is_the_same_as_a_set() {
        let mut state = 1_u64;
        let mut random = |below: i64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as i64 % below
        };
        let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
        for _ in 0..20_000 {
            let first = random(40);
            let last = first + random(8) - 1;
            if random(2) == 0 {
                ranges.insert(first..=last);
                set.extend(first..=last);
            } else {
                ranges.remove(first..=last);
                set.retain(|offset| !(first..=last).contains(offset));
            }
            let flat: Vec<i64> = ranges.iter().flatten().collect();
            assert_eq!(flat, set.iter().copied().collect::<Vec<_>>());
            let bounds = first..=first + 9;
            let inside: Vec<i64> = ranges.within(bounds.clone()).flatten().collect();
            let expected: Vec<i64> = set.range(bounds.clone()).copied().collect();
            assert_eq!(inside, expected);
            assert_eq!(ranges.count_within(bounds), expected.len() as u64);
            assert_eq!(ranges.count(), set.len() as u64);
            let mut part = Ranges::default();
            part.insert(first..=last);
            let covered = (first..=last).all(|offset| set.contains(&offset));
            assert_eq!(ranges.covers(&part), covered);
            assert_eq!(ranges.first(), set.first().copied());
            assert_eq!(ranges.last(), set.last().copied());
        }
    }
}
