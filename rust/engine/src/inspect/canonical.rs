//! One hash for all spellings of a JSON value.
//!
//! Owns the canonical form: every value becomes a tag and its content, with an end that no content has, so that no two
//! values have the same bytes. White space and escapes are gone, members are sorted, and an integer is its digits and a
//! power of ten. Members of one name stay in their order, since parsers differ on which one counts; a number that is not
//! an integer stays as it was written, since parsers differ on its precision. A long string stands as its own hash, so
//! that it is not moved about. BLAKE3 is used since the hash is a key, which must resist collisions, and made in passing.

use super::{
    escape::{Lone, unescape},
    request::integer,
    scan::{Kind, Literal, Scanner, SyntaxError},
};

/// Follows what has no fixed length: a byte of no UTF-8, nor of a surrogate written as if it were one.
const END: u8 = 0xFF;

/// Strings longer than this, a whole BLAKE3 chunk, are hashed by themselves.
const LONG_BYTES: u32 = 1024;

/// Room to begin with.
const USUAL_BYTES: usize = 4096;

/// A member of the object being written: where its name begins and ends in the output, and where its value ends.
#[derive(Clone, Copy)]
struct Member {
    start: usize,
    name_end: usize,
    end: usize,
}

#[derive(Default)]
struct Form {
    out: Vec<u8>,
    /// Of all objects being written, the innermost last.
    members: Vec<Member>,
    scratch: Vec<u8>,
}

type Written = Result<(), SyntaxError>;

/// The hash of a text that has been read without an error.
pub(super) fn hash(text: &[u8]) -> [u8; 32] {
    let mut form = Form { out: Vec::with_capacity(text.len().min(USUAL_BYTES)), ..Form::default() };
    match form.value(&mut Scanner::unmetered(text)) {
        Ok(()) => *blake3::hash(&form.out).as_bytes(),
        // Cannot happen to a text that was read; were it to, this key would only miss the cache.
        Err(_) => *blake3::hash(text).as_bytes(),
    }
}

impl Form {
    fn value(&mut self, scan: &mut Scanner<'_>) -> Written {
        match scan.peek()? {
            Kind::Object => self.object(scan),
            Kind::Array => {
                self.out.push(b'[');
                scan.elements(|scan, _| self.value(scan))?;
                self.out.push(b']');
                Ok(())
            }
            Kind::String => {
                let literal = scan.string()?;
                self.string(scan, literal);
                Ok(())
            }
            Kind::Number => {
                let number = scan.number()?;
                self.number(&scan.bytes()[number]);
                Ok(())
            }
            Kind::Bool | Kind::Null => {
                let word = scan.raw()?;
                self.out.push(scan.bytes()[word.start]);
                Ok(())
            }
        }
    }

    fn object(&mut self, scan: &mut Scanner<'_>) -> Written {
        self.out.push(b'{');
        let outer = self.members.len();
        scan.members(|scan, name| {
            let start = self.out.len();
            self.string(scan, name);
            let name_end = self.out.len();
            self.value(scan)?;
            self.members.push(Member { start, name_end, end: self.out.len() });
            Written::Ok(())
        })?;
        self.sort(outer);
        self.out.push(b'}');
        Ok(())
    }

    /// Put the members from index `outer` on, which are the end of the output, in the order of their names.
    fn sort(&mut self, outer: usize) {
        let Self { out, members, scratch, .. } = self;
        let own = &mut members[outer..];
        let ordered = |a: &Member, b: &Member| out[a.start..a.name_end].cmp(&out[b.start..b.name_end]);
        if !own.is_sorted_by(|a, b| ordered(a, b).is_le()) {
            let start = own[0].start;
            own.sort_by(ordered);
            scratch.clear();
            for member in own.iter() {
                scratch.extend_from_slice(&out[member.start..member.end]);
            }
            out[start..].copy_from_slice(scratch);
        }
        members.truncate(outer);
    }

    fn string(&mut self, scan: &Scanner<'_>, literal: Literal) {
        let raw = &scan.bytes()[literal.range()];
        if literal.decoded > LONG_BYTES {
            self.out.push(b'#');
            let digest = if literal.is_escaped() {
                self.scratch.clear();
                unescape(raw, Lone::Kept, &mut self.scratch);
                blake3::hash(&self.scratch)
            } else {
                blake3::hash(raw)
            };
            self.out.extend_from_slice(digest.as_bytes());
            return;
        }
        self.out.push(b'"');
        unescape(raw, Lone::Kept, &mut self.out);
        self.out.push(END);
    }

    fn number(&mut self, spelling: &[u8]) {
        if let Some(Integer { is_negative, digits: [high, low], power }) = Integer::of(spelling) {
            self.out.push(if is_negative { b'-' } else { b'+' });
            self.out.extend_from_slice(&power.to_le_bytes());
            self.out.extend_from_slice(high);
            self.out.extend_from_slice(low);
        } else {
            self.out.push(b'd');
            self.out.extend_from_slice(spelling);
        }
        self.out.push(END);
    }
}

/// `digits * 10^power`, with neither leading nor trailing zeros in the digits; zero has none and no sign.
struct Integer<'a> {
    is_negative: bool,
    /// Those written before the point and those after it.
    digits: [&'a [u8]; 2],
    power: u64,
}

impl<'a> Integer<'a> {
    /// `None` for a number that is not an integer, or whose exponent does not fit 63 bits.
    fn of(spelling: &'a [u8]) -> Option<Self> {
        let unsigned = spelling.strip_prefix(b"-");
        let is_negative = unsigned.is_some();
        let (mantissa, exponent) = cut(unsigned.unwrap_or(spelling), |byte| matches!(byte, b'e' | b'E'));
        let (whole, fraction) = cut(mantissa, |byte| byte == b'.');
        let mut digits = [whole, trim_end(fraction)];
        if digits[1].is_empty() {
            digits[0] = trim_end(whole);
        }
        digits[0] = trim_start(digits[0]);
        if digits[0].is_empty() {
            digits[1] = trim_start(digits[1]);
        }
        if digits[1].is_empty() && digits[0].is_empty() {
            return Some(Self { is_negative: false, digits, power: 0 });
        }
        let zeros = if digits[1].is_empty() { whole.len() - trim_end(whole).len() } else { 0 };
        let places = i64::try_from(trim_end(fraction).len()).ok()?;
        let power = exponent_of(exponent)?.checked_sub(places)?.checked_add(i64::try_from(zeros).ok()?)?;
        Some(Self { is_negative, digits, power: u64::try_from(power).ok()? })
    }
}

fn exponent_of(written: &[u8]) -> Option<i64> {
    let (sign, digits) = match written {
        [b'-', digits @ ..] => (-1, digits),
        [b'+', digits @ ..] | digits => (1, digits),
    };
    Some(sign * i64::try_from(integer(digits)?).ok()?)
}

/// What is before and after the first byte that `is_mark`, which is in neither.
fn cut(bytes: &[u8], is_mark: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| is_mark(*byte)) {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

fn trim_start(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().take_while(|digit| **digit == b'0').count()..]
}

fn trim_end(digits: &[u8]) -> &[u8] {
    &digits[..digits.len() - digits.iter().rev().take_while(|digit| **digit == b'0').count()]
}
