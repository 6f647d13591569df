//! Turns the ranks that `tiktoken-rs` carries, and the Unicode tables of `regex-syntax`, into the tables that
//! `src/tokens` embeds: position-independent, read in place, shared by all processes through the page cache.
//!
//! Invariant: a vocabulary that lacks a property the engine relies on (ids below 2^18, every byte a token, every token
//! reached by merging two of lower rank) stops the build.

#[path = "src/tokens/layout.rs"]
mod layout;

use std::{
    collections::HashMap,
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

use layout::{
    BIGRAM_BITS, BUCKET_BYTES, CLASS_BLOCK, FIRST_WIDE, FRAGMENT_BITS, Fragment, MIDDLE_BYTES, NO_ID,
    NO_PAIR, SHORT_BYTES, SPILL_BUCKETS, class,
};
use tiktoken_rs::CoreBPE;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// What `\p{…}` of the split rules stands for, by class.
const CLASSES: [(&str, u8); 7] = [
    (r"[\p{Lu}\p{Lt}]", class::UPPER),
    (r"\p{Ll}", class::LOWER),
    (r"[\p{Lm}\p{Lo}]", class::CASELESS),
    (r"\p{M}", class::MARK),
    (r"\p{N}", class::NUMBER),
    (r"\s", class::SPACE),
    (r"[\r\n]", class::NEWLINE),
];
const CODE_POINTS: usize = 0x11_0000;

/// A vocabulary and how its tokens come about.
struct Vocabulary {
    /// The bytes of each token, by id.
    tokens: Vec<Vec<u8>>,
    /// The ids of the 256 tokens of one byte.
    bytes: Vec<u32>,
    /// The two tokens that merge into each longer token.
    pairs: HashMap<(u32, u32), u32>,
}

fn main() -> Outcome<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/tokens/layout.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    write_classes(&out)?;
    write_vocabulary(&out, "cl100k_base", &tiktoken_rs::cl100k_base()?)?;
    write_vocabulary(&out, "o200k_base", &tiktoken_rs::o200k_base()?)
}

/// `classes.index` (a block number per 128 code points) and `classes.blocks`.
fn write_classes(out: &Path) -> Outcome<()> {
    let mut classes = vec![0_u8; CODE_POINTS];
    for (pattern, flag) in CLASSES {
        let parsed = regex_syntax::parse(pattern)?;
        let regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(set)) = parsed.kind() else {
            return Err(format!("{pattern} is not a class").into());
        };
        for range in set.ranges() {
            for code in range.start()..=range.end() {
                classes[code as usize] |= flag;
            }
        }
    }
    let mut blocks: Vec<&[u8]> = Vec::new();
    let mut index = Vec::new();
    for block in classes.chunks(CLASS_BLOCK) {
        let known = blocks.iter().position(|other| *other == block);
        let at = known.unwrap_or(blocks.len());
        if known.is_none() {
            blocks.push(block);
        }
        index.push(u8::try_from(at)?);
    }
    fs::write(out.join("classes.index"), index)?;
    fs::write(out.join("classes.blocks"), blocks.concat())?;
    Ok(())
}

fn write_vocabulary(out: &Path, name: &str, ranks: &CoreBPE) -> Outcome<()> {
    let vocabulary = Vocabulary::read(ranks)?;
    let write = |part: &str, bytes: Vec<u8>| fs::write(out.join(format!("{name}.{part}")), bytes);
    write("short", vocabulary.short()?)?;
    write("middle", vocabulary.middle()?)?;
    let (long, blob) = vocabulary.long()?;
    write("long", long)?;
    write("blob", blob)?;
    write("pairs", vocabulary.pair_table()?)?;
    write("bytes", vocabulary.bytes.iter().flat_map(|id| id.to_le_bytes()).collect())?;
    write("byte_pairs", vocabulary.byte_pairs())?;
    let (bigrams, fragments) = vocabulary.spans();
    write("bigrams", bigrams)?;
    write("fragments", fragments)?;
    write("wide", vocabulary.wide())?;
    Ok(())
}

impl Vocabulary {
    fn read(ranks: &CoreBPE) -> Outcome<Self> {
        let tokens: Vec<Vec<u8>> = (0..NO_ID).map_while(|id| ranks.decode_bytes(&[id]).ok()).collect();
        if ranks.decode_bytes(&[NO_ID]).is_ok() {
            return Err("more tokens than fit an id".into());
        }
        let singles: HashMap<u8, u32> =
            tokens.iter().zip(0..).filter(|(token, _)| token.len() == 1).map(|(t, id)| (t[0], id)).collect();
        let bytes: Option<Vec<u32>> = (0..=u8::MAX).map(|byte| singles.get(&byte).copied()).collect();
        let bytes = bytes.ok_or("a byte is no token")?;
        let mut vocabulary = Self { tokens: Vec::new(), bytes, pairs: HashMap::with_capacity(tokens.len()) };
        for (token, id) in tokens.iter().zip(0_u32..).filter(|(token, _)| token.len() > 1) {
            // Only tokens of lower rank are known here, so what is left of this one are the two that make it.
            let [left, right] = vocabulary.merged(token)[..] else {
                return Err(format!("token {id} is not made of two of lower rank").into());
            };
            vocabulary.pairs.insert((left, right), id);
        }
        vocabulary.tokens = tokens;
        Ok(vocabulary)
    }

    /// The tokens of `text`, by the definition of byte pair encoding: merge the lowest rank, leftmost first.
    fn merged(&self, text: &[u8]) -> Vec<u32> {
        let pair = |left, right| self.pairs.get(&(left, right)).copied().unwrap_or(u32::MAX);
        let mut ids: Vec<u32> = text.iter().map(|byte| self.bytes[usize::from(*byte)]).collect();
        let mut ranks: Vec<u32> = ids.windows(2).map(|two| pair(two[0], two[1])).collect();
        while let Some((at, &rank)) = ranks.iter().enumerate().min_by_key(|(at, rank)| (**rank, *at)) {
            if rank == u32::MAX {
                break;
            }
            ids[at] = rank;
            ids.remove(at + 1);
            ranks.remove(at);
            if at > 0 {
                ranks[at - 1] = pair(ids[at - 1], ids[at]);
            }
            if at < ranks.len() {
                ranks[at] = pair(ids[at], ids[at + 1]);
            }
        }
        ids
    }

    fn of_length(&self, lengths: std::ops::RangeInclusive<usize>) -> Vec<&[u8]> {
        self.tokens.iter().map(Vec::as_slice).filter(|token| lengths.contains(&token.len())).collect()
    }

    fn short(&self) -> Outcome<Vec<u8>> {
        let tokens = self.of_length(1..=SHORT_BYTES);
        let keys = tokens.iter().map(|token| layout::short_key(word(token), token.len()));
        table(keys.map(|key| (layout::spread(key), key.to_le_bytes())), [0; 8])
    }

    fn middle(&self) -> Outcome<Vec<u8>> {
        let tokens = self.of_length(SHORT_BYTES + 1..=MIDDLE_BYTES);
        let entries = tokens.iter().map(|token| {
            let (low, high) = layout::middle_key(word(token), word(&token[token.len() - 8..]), token.len());
            let key = u128::from(low) | (u128::from(high) << 64);
            (layout::spread_middle(low, high), key.to_le_bytes())
        });
        table(entries.collect::<Vec<_>>().into_iter(), [0; 16])
    }

    fn long(&self) -> Outcome<(Vec<u8>, Vec<u8>)> {
        let tokens = self.of_length(MIDDLE_BYTES + 1..=usize::from(u8::MAX));
        let mut blob = Vec::new();
        let mut entries = Vec::new();
        for token in tokens {
            let hash = layout::long_hash(token);
            entries.push((hash, layout::long_slot(hash, blob.len(), token.len()).to_le_bytes()));
            blob.extend_from_slice(token);
        }
        if blob.len() >= 1 << 24 {
            return Err("long tokens do not fit their table".into());
        }
        Ok((table(entries.into_iter(), [0; 8])?, blob))
    }

    fn pair_table(&self) -> Outcome<Vec<u8>> {
        let mut pairs: Vec<(u32, u32, u32)> = self.pairs.iter().map(|((l, r), id)| (*id, *l, *r)).collect();
        pairs.sort_unstable();
        let entries = pairs.into_iter().map(|(id, left, right)| {
            let key = layout::pair_key(left, right);
            (layout::spread(key), (key | u64::from(id)).to_le_bytes())
        });
        table(entries, NO_PAIR.to_le_bytes())
    }

    /// For each two bytes (the first is the high one), the token they merge to.
    fn byte_pairs(&self) -> Vec<u8> {
        let merged =
            |pair: (&u32, &u32)| self.pairs.get(&(*pair.0, *pair.1)).copied().unwrap_or(i32::MAX as u32);
        let all =
            self.bytes.iter().flat_map(|left| self.bytes.iter().map(move |right| merged((left, right))));
        all.flat_map(u32::to_le_bytes).collect()
    }

    /// Filters of the places between two characters that some token spans: both whole, or one in part.
    fn spans(&self) -> (Vec<u8>, Vec<u8>) {
        let mut bigrams = vec![0_u8; 1 << (BIGRAM_BITS - 3)];
        let mut fragments = vec![0_u8; 1 << (FRAGMENT_BITS - 3)];
        for token in &self.tokens {
            let starts: Vec<usize> = (1..token.len()).filter(|at| !is_continuation(token[*at])).collect();
            for (index, &at) in starts.iter().enumerate() {
                let begin = if index == 0 { 0 } else { starts[index - 1] };
                let end = starts.get(index + 1).copied().unwrap_or(token.len());
                match (character(&token[begin..at]), character(&token[at..end])) {
                    (Some(left), Some(right)) if left.max(right) < FIRST_WIDE => {} // never looked up
                    (Some(left), Some(right)) => set(&mut bigrams, layout::bigram_bit(left, right)),
                    (left, right) => {
                        let left = left.map_or(Fragment::Part(token[at - 1]), Fragment::Whole);
                        let right = right.map_or(Fragment::Part(token[at]), Fragment::Whole);
                        set(&mut fragments, layout::fragment_bit(left, right));
                    }
                }
            }
        }
        (bigrams, fragments)
    }

    /// For each character of the basic plane, from the first wide one on: its token, or how many it is above `NO_ID`.
    fn wide(&self) -> Vec<u8> {
        let entry = |code| {
            let Some(wide) = char::from_u32(code) else { return NO_ID };
            match self.merged(wide.encode_utf8(&mut [0; 4]).as_bytes())[..] {
                [id] => id,
                ref ids => NO_ID + ids.len() as u32,
            }
        };
        (FIRST_WIDE..0x1_0000).flat_map(|code| entry(code).to_le_bytes()).collect()
    }
}

fn set(filter: &mut [u8], bit: usize) {
    filter[bit / 8] |= 1 << (bit % 8);
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

fn character(bytes: &[u8]) -> Option<u32> {
    let mut chars = str::from_utf8(bytes).ok()?.chars();
    chars.next().filter(|_| chars.next().is_none()).map(u32::from)
}

/// Up to 8 bytes as a little-endian word.
fn word(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |word, byte| (word << 8) | u64::from(*byte))
}

/// A table of (hash, entry) in buckets, at most three fifths full.
fn table<const N: usize>(
    entries: impl ExactSizeIterator<Item = (u64, [u8; N])>,
    unused: [u8; N],
) -> Outcome<Vec<u8>> {
    let slots = BUCKET_BYTES / N;
    let addressed = (entries.len() * 5).div_ceil(3 * slots);
    let mut table = vec![unused; (addressed + SPILL_BUCKETS) * slots];
    for (hash, entry) in entries {
        let first = layout::bucket_of(hash, addressed) * slots;
        let free = table[first..].iter().position(|slot| *slot == unused).ok_or("a table overflows")?;
        table[first + free] = entry;
    }
    if table.last() != Some(&unused) {
        return Err("a table has no end".into());
    }
    Ok(table.concat())
}
