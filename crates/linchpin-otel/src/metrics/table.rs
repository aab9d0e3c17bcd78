//! The series of a metric: many readers, few new ones, and never too many.

use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher, Hash},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

/// Series by their attributes. To find one takes no lock; a new one copies the table, which happens once for each.
///
/// Beyond its limit all new ones share one series, which tells that it is a mixture.
pub(crate) struct Table<K, S> {
    rows: ArcSwap<Rows<K, S>>,
    adding: Mutex<()>,
    hasher: RandomState,
    overflow: Arc<S>,
    limit: usize,
    make: fn() -> S,
}

type Rows<K, S> = HashMap<u64, Vec<(Arc<K>, Arc<S>)>, RandomState>;

impl<K, S> Table<K, S> {
    pub(crate) fn new(limit: usize, make: fn() -> S) -> Self {
        let (rows, adding, hasher) = Default::default();
        Self { rows, adding, hasher, overflow: Arc::new(make()), limit, make }
    }

    /// Gives the series to `update` that `is_it`; `hashed` is what two equal keys have in common, `key` makes a new one.
    pub(crate) fn update(
        &self,
        hashed: impl Hash,
        is_it: impl Fn(&K) -> bool,
        key: impl FnOnce() -> K,
        update: impl FnOnce(&S),
    ) {
        let hash = self.hasher.hash_one(hashed);
        let find = |rows: &Rows<K, S>| {
            let row = rows.get(&hash)?.iter().find(|(key, _)| is_it(key))?;
            Some(row.1.clone())
        };
        let rows = self.rows.load();
        let found = rows.get(&hash).and_then(|row| row.iter().find(|(key, _)| is_it(key)));
        if let Some((_, series)) = found {
            return update(series);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = self.rows.load();
        // Another thread may have been faster.
        if let Some(series) = find(&rows) {
            return update(&series);
        }
        if rows.values().map(Vec::len).sum::<usize>() >= self.limit {
            return update(&self.overflow);
        }
        let series = Arc::new((self.make)());
        let mut more = Rows::clone(&rows);
        more.entry(hash).or_default().push((Arc::new(key()), series.clone()));
        self.rows.store(Arc::new(more));
        update(&series);
    }

    /// Every series with its key; the one of the overflow has none.
    pub(crate) fn each(&self, mut read: impl FnMut(Option<&K>, &S)) {
        for (key, series) in self.rows.load().values().flatten() {
            read(Some(key), series);
        }
        read(None, &self.overflow);
    }
}

impl<K, S> fmt::Debug for Table<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// How many series a metric may have.
pub(crate) const MAX_SERIES: usize = 1000;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn add(table: &Table<String, AtomicU64>, key: &str) {
        let count = |series: &AtomicU64| {
            series.fetch_add(1, Ordering::Relaxed);
        };
        table.update(key, |known| known == key, || key.to_owned(), count);
    }

    fn read(table: &Table<String, AtomicU64>) -> Vec<(Option<String>, u64)> {
        let mut rows = Vec::new();
        table.each(|key, series| rows.push((key.cloned(), series.load(Ordering::Relaxed))));
        rows.sort();
        rows
    }

    #[test]
    fn equal_keys_share_a_series_and_what_is_too_much_shares_the_last_one() {
        let table = Table::new(2, AtomicU64::default);

        ["a", "b", "a", "c", "d", "a"].into_iter().for_each(|key| add(&table, key));

        assert_eq!(read(&table), [(None, 2), (Some("a".to_owned()), 3), (Some("b".to_owned()), 1)]);
    }

    #[test]
    fn threads_that_add_the_same_series_at_once_lose_nothing() {
        let table = Table::new(100, AtomicU64::default);

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|at| add(&table, &(at % 50).to_string())));
            }
        });

        let rows = read(&table);
        assert_eq!(rows.len(), 51);
        assert!(rows.iter().skip(1).all(|(_, count)| *count == 80), "{rows:?}");
    }
}
