//! Writing an event.

/// A name with a line end in it would be two lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the name of an event must not hold a line end")]
pub struct LineEndInName;

/// One frame with these fields, closed by its blank line. An empty name is left out.
///
/// Each line of `data`, whatever its end, becomes a `data` field; a reader joins them with LF.
pub fn write_event(name: &str, data: &[u8]) -> Result<Vec<u8>, LineEndInName> {
    if name.contains(['\n', '\r']) {
        return Err(LineEndInName);
    }
    let mut frame = Vec::with_capacity(name.len() + data.len() + 24);
    if !name.is_empty() {
        frame.extend_from_slice(b"event: ");
        frame.extend_from_slice(name.as_bytes());
        frame.push(b'\n');
    }
    let mut rest = Some(data);
    while let Some(bytes) = rest {
        let end = memchr::memchr2(b'\n', b'\r', bytes);
        let (line, after) = bytes.split_at(end.unwrap_or(bytes.len()));
        frame.extend_from_slice(b"data: ");
        frame.extend_from_slice(line);
        frame.push(b'\n');
        rest = end.map(|_| after.strip_prefix(b"\r\n").unwrap_or(&after[1..]));
    }
    frame.push(b'\n');
    Ok(frame)
}
