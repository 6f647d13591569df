//! Counts of texts seen before: every turn of a chat sends all earlier ones again.
//!
//! Owns one table of fixed size, from the hash of a text to its count; no text is kept. Does not own how a count comes
//! about. Invariant: a wrong count needs two texts with equal hashes, and nobody can look for them: the hash is
//! `HighwayHash`, a keyed pseudo-random function of 128 bits, its key is drawn when the process starts, and neither key
//! nor hash ever leaves it. Fast hashes without that design (xxh3, wyhash, aHash) have collisions that hold under
//! every seed, by which a caller could have a long message counted as a short one; SipHash-1-3 would do, at a third of
//! the speed; a cryptographic hash costs more than counting.

use std::{
    hash::{BuildHasher, RandomState},
    sync::{LazyLock, Mutex, PoisonError},
};

use highway::{HighwayHash, HighwayHasher, Key};

/// Shorter texts are counted as fast as they are found.
pub const MIN_BYTES: usize = 64;
/// Longer texts are worth a count, and not worth the place of a message.
pub const MAX_BYTES: usize = 64 * 1024;

const SHARDS: usize = 16;
const SETS_PER_SHARD: usize = 512;

static SHARED: LazyLock<MessageMemo> = LazyLock::new(MessageMemo::new);

/// What a text was counted as: the same one may be counted in several ways.
#[derive(Clone, Copy)]
pub(super) struct Kind(pub u64);

/// A cache of counts: 16,384 entries, 384 KiB, in sets of two of which the one not used last gives way.
pub struct MessageMemo {
    key: Key,
    shards: [Mutex<Box<[Set]>>; SHARDS],
}

/// The entry used last, and the other one.
type Set = [Entry; 2];

/// All zeros when unused.
#[derive(Clone, Copy, Default)]
struct Entry {
    hash: [u64; 2],
    count: u32,
}

impl MessageMemo {
    /// The one of this process.
    pub fn shared() -> &'static Self {
        &SHARED
    }

    pub fn new() -> Self {
        let random = RandomState::new(); // 128 bits from the operating system
        Self {
            key: Key([0, 1, 2, 3].map(|word: u64| random.hash_one(word))),
            shards: std::array::from_fn(|_| Mutex::new(vec![Set::default(); SETS_PER_SHARD].into())),
        }
    }

    /// The count of `text`: the remembered one, or what `count` says.
    pub(super) fn count(&self, kind: Kind, text: &str, count: impl FnOnce() -> usize) -> usize {
        if !(MIN_BYTES..=MAX_BYTES).contains(&text.len()) {
            return count();
        }
        let [low, high] = HighwayHasher::new(self.key).hash128(text.as_bytes());
        let hash = [low ^ kind.0, high];
        if let Some(known) = self.find(hash) {
            return known;
        }
        let counted = count();
        self.keep(hash, counted);
        counted
    }

    fn find(&self, hash: [u64; 2]) -> Option<usize> {
        self.with_set(hash, |set| {
            if set[0].hash != hash {
                if set[1].hash != hash {
                    return None;
                }
                set.swap(0, 1);
            }
            Some(set[0].count as usize)
        })
    }

    fn keep(&self, hash: [u64; 2], counted: usize) {
        // A text of at most MAX_BYTES has no more tokens than that.
        let entry = Entry { hash, count: counted as u32 };
        self.with_set(hash, |set| {
            if set[0].hash != hash {
                *set = [entry, set[0]];
            }
        });
    }

    fn with_set<T>(&self, hash: [u64; 2], use_set: impl FnOnce(&mut Set) -> T) -> T {
        let shard = hash[1] as usize % SHARDS;
        let set = (hash[1] >> 32) as usize % SETS_PER_SHARD;
        // Whoever panicked while holding the lock left a whole entry or none: there is nothing to repair.
        let mut sets = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        use_set(&mut sets[set])
    }
}

impl Default for MessageMemo {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind(0);

    fn text(number: usize) -> String {
        format!("{number:>MIN_BYTES$}")
    }

    #[test]
    fn counts_once() {
        let memo = MessageMemo::new();
        assert_eq!(memo.count(KIND, &text(1), || 7), 7);
        assert_eq!(memo.count(KIND, &text(1), || unreachable!()), 7);
        assert_eq!(memo.count(KIND, &text(2), || 8), 8);
    }

    #[test]
    fn kinds_are_apart() {
        let memo = MessageMemo::new();
        assert_eq!(memo.count(Kind(0), &text(1), || 7), 7);
        assert_eq!(memo.count(Kind(1), &text(1), || 8), 8);
        assert_eq!(memo.count(Kind(0), &text(1), || 9), 7);
    }

    #[test]
    fn very_short_and_very_long_texts_are_not_kept() {
        let memo = MessageMemo::new();
        for len in [0, MIN_BYTES - 1, MAX_BYTES + 1] {
            let text = "a".repeat(len);
            assert_eq!(memo.count(KIND, &text, || 1), 1);
            assert_eq!(memo.count(KIND, &text, || 2), 2);
        }
        for len in [MIN_BYTES, MAX_BYTES] {
            let text = "a".repeat(len);
            assert_eq!(memo.count(KIND, &text, || 1), 1);
            assert_eq!(memo.count(KIND, &text, || 2), 1);
        }
    }

    #[test]
    fn the_one_not_used_last_gives_way() {
        let memo = MessageMemo::new();
        let hashes = [1_u64, 2, 3].map(|low| [low, 0]); // one set
        memo.keep(hashes[0], 10);
        memo.keep(hashes[1], 11);
        assert_eq!(memo.find(hashes[0]), Some(10));
        memo.keep(hashes[2], 12);
        assert_eq!(memo.find(hashes[1]), None);
        assert_eq!(memo.find(hashes[0]), Some(10));
        assert_eq!(memo.find(hashes[2]), Some(12));
    }

    #[test]
    fn size_stays_and_recent_texts_stay_when_it_overflows() {
        let memo = MessageMemo::new();
        for number in 0..100_000 {
            memo.count(KIND, &text(number), || number);
        }
        let entries: usize =
            memo.shards.iter().map(|shard| 2 * shard.lock().map_or(0, |sets| sets.len())).sum();
        assert_eq!(entries, 16_384);
        assert_eq!(entries * size_of::<Entry>(), 384 * 1024);
        let kept =
            (99_000..100_000).filter(|number| memo.count(KIND, &text(*number), || 0) == *number).count();
        assert!(kept > 900, "{kept}");
    }

    #[test]
    fn keys_differ() {
        let (one, two) = (MessageMemo::new(), MessageMemo::new());
        assert_ne!(one.key.0, two.key.0);
        assert!(one.key.0.windows(2).all(|words| words[0] != words[1]));
    }

    #[test]
    fn threads_agree() {
        let memo = MessageMemo::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..5_000 {
                        assert_eq!(memo.count(KIND, &text(number % 50), || number % 50), number % 50);
                    }
                });
            }
        });
    }
}
