//! The head of an answer, whichever protocol it came by, and the rules both have in common.
//!
//! One text and spans into it: two allocations however many headers there are.

use std::ops::Range;

use http::HeaderMap;

/// More than this many header lines is an attack.
pub(crate) const MAX_HEADERS: usize = 100;

/// Status and headers. Names are in lower case; values that are not UTF-8 are read as Latin-1.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head {
    status: u16,
    text: String,
    /// Where a name ends and where its value does; each begins where the one before ended.
    ends: Vec<(u32, u32)>,
}

// === impl Head ===

impl Head {
    /// `bytes` is about how much text will be pushed.
    pub(crate) fn new(status: u16, bytes: usize) -> Self {
        Self { status, text: String::with_capacity(bytes), ends: Vec::with_capacity(bytes / 24) }
    }

    pub(crate) fn of(response: &http::response::Parts) -> Self {
        let mut head = Self::new(response.status.as_u16(), 512);
        head.push_all(&response.headers);
        head
    }

    /// Names are taken in any case.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        let start = self.text.len();
        self.text.push_str(name);
        let name_end = self.text.len();
        self.text[start..name_end].make_ascii_lowercase();
        match str::from_utf8(value) {
            Ok(value) => self.text.push_str(value),
            Err(_) => self.text.extend(value.iter().copied().map(char::from)),
        }
        self.ends.push((name_end as u32, self.text.len() as u32));
    }

    fn push_all(&mut self, headers: &HeaderMap) {
        for (name, value) in headers {
            self.push(name.as_str(), value.as_bytes());
        }
    }

    pub fn status(&self) -> u16 {
        self.status
    }

    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().map(move |&(name_end, value_end)| {
            let (name_end, value_end) = (name_end as usize, value_end as usize);
            let name = self.slice(start..name_end);
            start = value_end;
            (name, self.slice(name_end..value_end))
        })
    }

    /// The values of every line of this name.
    pub(crate) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers().filter(move |(each, _)| *each == name).map(|(_, value)| value)
    }

    /// What no answer may be, in either protocol.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.ends.len() > MAX_HEADERS {
            return Err("more than 100 headers");
        }
        if !(200..600).contains(&self.status) {
            return Err("a status code outside of 200 to 599");
        }
        if self.values("content-encoding").any(|coding| !coding.trim().eq_ignore_ascii_case("identity")) {
            return Err("a content-encoding that was not asked for");
        }
        Ok(())
    }

    fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// What is pushed comes back: names in lower case, values as UTF-8 or else Latin-1.
        #[test]
        fn keeps_every_header(lines in prop::collection::vec(("[A-Za-z-]{1,9}", prop::collection::vec(any::<u8>(), 0..9)), 0..9)) {
            let mut head = Head::new(200, 0);
            for (name, value) in &lines {
                head.push(name, value);
            }
            let back: Vec<_> = head.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let expected: Vec<_> = lines
                .iter()
                .map(|(name, value)| {
                    let latin = || value.iter().copied().map(char::from).collect();
                    (name.to_ascii_lowercase(), String::from_utf8(value.clone()).unwrap_or_else(|_| latin()))
                })
                .collect();
            prop_assert_eq!(back, expected);
        }
    }

    #[test]
    fn refuses_what_no_answer_may_be() {
        for (status, name, value, fine) in [
            (200, "content-encoding", "Identity", true),
            (200, "content-encoding", "gzip", false),
            (200, "content-encoding", "identity, gzip", false),
            (101, "upgrade", "websocket", false),
            (999, "server", "x", false),
        ] {
            let mut head = Head::new(status, 0);
            head.push(name, value.as_bytes());
            assert_eq!(head.check().is_ok(), fine, "{status} {name}: {value}");
        }
    }
}
