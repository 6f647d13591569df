//! Counts server-sent events without keeping them: how many had data, and whether the last said `[DONE]`.
//!
//! Invariant: the same counts for every way the bytes are cut. Lines end in LF or CRLF, as every server measured here
//! writes them; a lone CR is not a line's end.

const DONE: &[u8] = b"data: [DONE]";

#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub struct EventCounter {
    count: u64,
    done: bool,
    /// First bytes of the line that is being read.
    line: [u8; DONE.len()],
    line_length: usize,
    last_was_cr: bool,
    event: Event,
}

/// What the lines since the last empty one have said.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    #[default]
    Nothing,
    Data,
    Done,
}

// === impl EventCounter ===

impl EventCounter {
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last event was `[DONE]`.
    pub fn done(&self) -> bool {
        self.done
    }

    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            self.part_of_line(&bytes[..end]);
            self.end_line();
            bytes = &bytes[end + 1..];
        }
        self.part_of_line(bytes);
    }

    fn part_of_line(&mut self, part: &[u8]) {
        let Some(&last) = part.last() else { return };
        if self.line_length < DONE.len() {
            let taken = part.len().min(DONE.len() - self.line_length);
            self.line[self.line_length..self.line_length + taken].copy_from_slice(&part[..taken]);
        }
        self.line_length += part.len();
        self.last_was_cr = last == b'\r';
    }

    fn end_line(&mut self) {
        let length = self.line_length - usize::from(self.last_was_cr);
        self.line_length = 0;
        self.last_was_cr = false;
        if length == 0 {
            if self.event != Event::Nothing {
                self.count += 1;
                self.done = self.event == Event::Done;
            }
            self.event = Event::Nothing;
            return;
        }
        let start = &self.line[..length.min(DONE.len())];
        if start.starts_with(b"data:") {
            let is_done = length == DONE.len() && start == DONE;
            self.event = if is_done { Event::Done } else { Event::Data };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(text: &str) -> EventCounter {
        let mut counter = EventCounter::default();
        counter.feed(text.as_bytes());
        counter
    }

    #[test]
    fn events_are_counted_and_comments_are_not() {
        let counter = counted("data: {}\n\n: keep-alive\n\ndata: {}\r\n\r\ndata: [DONE]\n\n: cost=1\n\n");
        assert_eq!((counter.count(), counter.done()), (3, true));
    }

    #[test]
    fn done_must_be_the_last_event_and_whole() {
        assert!(!counted("data: [DONE]\n\ndata: {}\n\n").done());
        assert!(!counted("data: [DONE]\n").done());
        assert!(!counted("data: [DONE]x\n\n").done());
        assert_eq!(counted("data: [DONE]").count(), 0);
    }

    proptest! {
        #[test]
        fn the_counts_do_not_depend_on_the_cuts(
            lines in proptest::collection::vec("(data: \\[DONE\\]|data: .{0,20}|: .{0,9}|)(\r|)\n", 0..20),
            cuts in proptest::collection::vec(any::<usize>(), 0..9),
        ) {
            let text = lines.concat();
            let mut places: Vec<usize> = cuts.iter().map(|c| c % (text.len() + 1)).collect();
            places.sort_unstable();
            let mut pieces = EventCounter::default();
            let mut from = 0;
            for place in places {
                pieces.feed(&text.as_bytes()[from..place]);
                from = place;
            }
            pieces.feed(&text.as_bytes()[from..]);
            let whole = counted(&text);
            prop_assert_eq!((pieces.count(), pieces.done()), (whole.count(), whole.done()));
        }
    }
}
