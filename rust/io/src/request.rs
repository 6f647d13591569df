//! A request as it will be written, built anew from parsed values.
//!
//! Owns what a caller may put on the wire: no header that frames a message or names a hop, nothing that could end a
//! line early. Never holds the origin's credentials; those are in [`Origin`](crate::Origin).

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, header};

use crate::{IoError, Origin};

/// Ours to set: they frame the message, or concern this hop only.
const RESERVED: [HeaderName; 13] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::UPGRADE,
    header::EXPECT,
    header::ACCEPT_ENCODING,
    HeaderName::from_static("http2-settings"),
];

/// Bodies up to this size are copied behind the head, so that most requests are one plain `write`.
const COPIED_BODY_BYTES: usize = 16 * 1024;

/// One request; the origin adds its prefix and its constant headers.
#[derive(Clone, Debug)]
pub struct Request {
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

// === impl Request ===

impl Request {
    /// Check and take over the parts. `path` begins with a slash and may have a query.
    pub fn new<'a>(
        method: &str,
        path: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        body: Bytes,
    ) -> Result<Self, IoError> {
        let method = Method::from_bytes(method.as_bytes())
            .ok()
            .filter(|method| method != Method::CONNECT)
            .ok_or_else(|| refused("method", "is not an HTTP method that can be sent"))?;
        if !path.starts_with('/') || !path.bytes().all(|byte| matches!(byte, b'!'..=b'~') && byte != b'#') {
            return Err(refused("path", "must begin with / and hold only visible ASCII without #"));
        }
        let headers =
            headers.into_iter().map(|(name, value)| checked(name, value)).collect::<Result<_, _>>()?;
        Ok(Self { method, path: path.to_owned(), headers, body })
    }

    pub(crate) fn body(&self) -> &Bytes {
        &self.body
    }

    /// It will not be written again: the caller's body need not be kept for as long as the answer takes.
    pub(crate) fn let_go(&mut self) {
        self.body = Bytes::new();
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The head in HTTP/1.1's form, and what of the body does not follow it in the same buffer.
    pub(crate) fn http1(&self, origin: &Origin) -> (Vec<u8>, Bytes) {
        let copied = if self.body.len() <= COPIED_BODY_BYTES { self.body.len() } else { 0 };
        let mut out = Vec::with_capacity(256 + self.path.len() + origin.lines().len() + copied);
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(origin.target_prefix().as_bytes());
        out.extend_from_slice(self.path.as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        out.extend_from_slice(origin.lines());
        for (name, value) in &self.headers {
            push_line(&mut out, name, value);
        }
        if self.has_length() {
            push_line(&mut out, &header::CONTENT_LENGTH, &HeaderValue::from(self.body.len()));
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body[..copied]);
        (out, self.body.slice(copied..))
    }

    /// The head in HTTP/2's form. None when the origin's authority makes no URI, which [`Origin::new`] has excluded.
    pub(crate) fn http2(&self, origin: &Origin) -> Option<http::Request<()>> {
        let uri = http::Uri::builder()
            .scheme("https")
            .authority(origin.host())
            .path_and_query(format!("{}{}", origin.prefix(), self.path))
            .build()
            .ok()?;
        let mut request = http::Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = http::Version::HTTP_2;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if self.has_length() {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        for (name, value) in origin.headers().iter().chain(&self.headers) {
            headers.append(name.clone(), value.clone());
        }
        Some(request)
    }

    fn has_length(&self) -> bool {
        !self.body.is_empty() || matches!(self.method, Method::POST | Method::PUT | Method::PATCH)
    }
}

/// One header, or why it cannot be sent.
pub(crate) fn checked(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), IoError> {
    let Ok(parsed) = HeaderName::from_bytes(name.as_bytes()) else {
        return Err(refused("headers", "a header's name holds characters that HTTP does not allow"));
    };
    if RESERVED.contains(&parsed) {
        return Err(refused(parsed.as_str(), "is set by the client itself"));
    }
    match HeaderValue::from_str(value) {
        Ok(value) => Ok((parsed, value)),
        Err(_) => Err(refused(parsed.as_str(), "holds characters that HTTP does not allow in a header")),
    }
}

/// `name: value` and the end of the line.
pub(crate) fn push_line(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn refused(param: &str, reason: &'static str) -> IoError {
    IoError::Refused { param: param.to_owned(), reason }
}
