//! As much of an HTTP request as the mock must understand: where it goes, how long it is, and whether it wants a stream.

use memchr::memmem;

const MAX_HEADERS: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    Chat { stream: bool },
    Models,
    Stats,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub route: Route,
    /// Bytes of head and body together.
    pub length: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRequest {
    #[error("not an HTTP/1.1 request")]
    Head,
    #[error("the body has no usable length")]
    Length,
}

/// The first whole request in `bytes`; None while it is not all there.
pub fn read_request(bytes: &[u8]) -> Result<Option<Request>, BadRequest> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(body_at) = head.parse(bytes).map_err(|_| BadRequest::Head)? else {
        return Ok(None);
    };
    let mut body_length = 0_usize;
    for header in head.headers.iter() {
        if header.name.eq_ignore_ascii_case("content-length") {
            let text = std::str::from_utf8(header.value).map_err(|_| BadRequest::Length)?;
            body_length = text.parse().map_err(|_| BadRequest::Length)?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(BadRequest::Length);
        }
    }
    let length = body_at.checked_add(body_length).ok_or(BadRequest::Length)?;
    let Some(body) = bytes.get(body_at..length) else { return Ok(None) };
    let route = match (head.method, head.path) {
        (Some("POST"), Some(path)) if path.ends_with("/chat/completions") => {
            Route::Chat { stream: wants_stream(body) }
        }
        (Some("GET"), Some(path)) if path.ends_with("/models") => Route::Models,
        (Some("GET"), Some("/stats")) => Route::Stats,
        _ => Route::Unknown,
    };
    Ok(Some(Request { route, length }))
}

/// A search for the member instead of a parse: the bodies are our own, and a prompt of theirs never has these bytes.
fn wants_stream(body: &[u8]) -> bool {
    memmem::find(body, br#""stream":true"#).is_some() || memmem::find(body, br#""stream": true"#).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn post(body: &str) -> Vec<u8> {
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body.as_bytes()].concat()
    }

    #[test]
    fn tells_streams_from_plain_requests() {
        let plain = post(r#"{"model":"m"}"#);
        let stream = post(r#"{"stream":true}"#);
        let spaced = post(r#"{"stream": true}"#);
        let route = |bytes: &[u8]| read_request(bytes).unwrap().unwrap().route;
        assert_eq!(route(&plain), Route::Chat { stream: false });
        assert_eq!(route(&stream), Route::Chat { stream: true });
        assert_eq!(route(&spaced), Route::Chat { stream: true });
        assert_eq!(route(b"GET /v1/models HTTP/1.1\r\n\r\n"), Route::Models);
        assert_eq!(route(b"GET /stats HTTP/1.1\r\n\r\n"), Route::Stats);
        assert_eq!(route(b"PUT / HTTP/1.1\r\n\r\n"), Route::Unknown);
    }

    #[test]
    fn needs_the_whole_body_and_leaves_what_follows() {
        let mut bytes = post(r#"{"model":"m"}"#);
        let length = bytes.len();
        for cut in 0..length {
            assert_eq!(read_request(&bytes[..cut]), Ok(None));
        }
        bytes.extend_from_slice(b"GET ");
        assert_eq!(read_request(&bytes).unwrap().unwrap().length, length);
    }

    #[test]
    fn refuses_lengths_it_cannot_use() {
        let chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(read_request(chunked), Err(BadRequest::Length));
        assert_eq!(read_request(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), Err(BadRequest::Length));
        let huge = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n", usize::MAX);
        assert_eq!(read_request(huge.as_bytes()), Err(BadRequest::Length));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(Some(request)) = read_request(&bytes) {
                prop_assert!(request.length <= bytes.len());
            }
        }
    }
}
