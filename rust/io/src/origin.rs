//! One upstream account: where to connect, how, and the headers that every request to it carries.
//!
//! Parsed and checked once, immutable after. Holds credentials: it has no `Debug`, and no message quotes a value.

use std::{path::Path, sync::Arc};

use http::{HeaderName, HeaderValue, Uri, header, uri::PathAndQuery};
use rustls::{ClientConfig, pki_types::ServerName};

use crate::{OriginError, request, tls};

/// An HTTP proxy: requests to `https` origins are tunnelled through it, others are sent to it whole.
pub struct Proxy {
    /// `host:port`.
    pub address: String,
    /// Value of `proxy-authorization`, when it wants one.
    pub authorization: Option<String>,
}

pub struct Origin {
    endpoint: Endpoint,
    /// `host:port`, for messages.
    label: Arc<str>,
    /// The `host` header, and HTTP/2's `:authority`.
    host: String,
    /// Path of the base URL, without a trailing slash.
    prefix: String,
    /// What stands before a request's path in HTTP/1.1: the prefix, or for a plain proxy the whole URL.
    target_prefix: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// HTTP/1.1's lines for `host`, `accept-encoding` and the constant headers.
    lines: Vec<u8>,
    secured: Option<Secured>,
    via: Option<Via>,
    http2: bool,
}

/// A host (without brackets) and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) host: String,
    pub(crate) port: u16,
}

pub(crate) struct Secured {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

pub(crate) struct Via {
    pub(crate) endpoint: Endpoint,
    pub(crate) authorization: Option<HeaderValue>,
}

// === impl Origin ===

impl Origin {
    /// `base_url` is `http` or `https`, with a path prefix or without; `headers` go with every request. `ca_file` is
    /// trusted besides the machine's roots. Reads files, and may block for that.
    pub fn new<'a>(
        base_url: &str,
        headers: impl IntoIterator<Item = (&'a str, &'a str)>,
        ca_file: Option<&Path>,
        proxy: Option<&Proxy>,
        http2: bool,
    ) -> Result<Self, OriginError> {
        let url = BaseUrl::parse(base_url)?;
        let headers = headers
            .into_iter()
            .map(|(name, value)| request::checked(name, value))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| OriginError::new(format!("header {error}")))?;
        let secured = match url.secure {
            true => {
                Some(Secured { config: tls::config(ca_file, http2)?, name: server_name(&url.endpoint.host)? })
            }
            false if ca_file.is_some() => return Err(OriginError::new("ca_file: base_url is not https")),
            false => None,
        };
        let via = proxy.map(Via::parse).transpose()?;
        let sent_whole = !url.secure && via.is_some();
        let mut lines = Vec::new();
        let host = HeaderValue::from_str(&url.host).map_err(|_| OriginError::new("base_url: bad host"))?;
        request::push_line(&mut lines, &header::HOST, &host);
        request::push_line(&mut lines, &header::ACCEPT_ENCODING, &HeaderValue::from_static("identity"));
        if let Some(authorization) =
            via.as_ref().filter(|_| sent_whole).and_then(|via| via.authorization.as_ref())
        {
            request::push_line(&mut lines, &header::PROXY_AUTHORIZATION, authorization);
        }
        for (name, value) in &headers {
            request::push_line(&mut lines, name, value);
        }
        Ok(Self {
            target_prefix: if sent_whole {
                format!("http://{}{}", url.host, url.prefix)
            } else {
                url.prefix.clone()
            },
            label: Arc::from(url.endpoint.label()),
            endpoint: url.endpoint,
            host: url.host,
            prefix: url.prefix,
            headers,
            lines,
            http2: http2 && secured.is_some(),
            secured,
            via,
        })
    }

    /// `host:port`, for messages.
    pub(crate) fn label(&self) -> Arc<str> {
        Arc::clone(&self.label)
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    pub(crate) fn target_prefix(&self) -> &str {
        &self.target_prefix
    }

    pub(crate) fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }

    pub(crate) fn lines(&self) -> &[u8] {
        &self.lines
    }

    pub(crate) fn secured(&self) -> Option<&Secured> {
        self.secured.as_ref()
    }

    pub(crate) fn via(&self) -> Option<&Via> {
        self.via.as_ref()
    }

    /// Whether the peer is offered HTTP/2.
    pub(crate) fn offers_http2(&self) -> bool {
        self.http2
    }
}

impl Endpoint {
    pub(crate) fn label(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl Via {
    fn parse(proxy: &Proxy) -> Result<Self, OriginError> {
        let fault = || OriginError::new("proxy: must be host:port with an optional authorization");
        let authority: http::uri::Authority = proxy.address.parse().map_err(|_| fault())?;
        if authority.as_str().contains('@') {
            return Err(fault());
        }
        let endpoint =
            Endpoint { host: bare(authority.host()), port: authority.port_u16().ok_or_else(fault)? };
        let authorization =
            proxy.authorization.as_deref().map(HeaderValue::from_str).transpose().map_err(|_| fault())?;
        Ok(Self { endpoint, authorization })
    }
}

struct BaseUrl {
    secure: bool,
    endpoint: Endpoint,
    host: String,
    prefix: String,
}

impl BaseUrl {
    /// Not a word of `base_url` is quoted: people put credentials into URLs.
    fn parse(base_url: &str) -> Result<Self, OriginError> {
        let fault = |what: &str| OriginError::new(format!("base_url: {what}"));
        let url: Uri = base_url.parse().map_err(|_| fault("is not a URL"))?;
        let secure = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(fault("must begin with https:// or http://")),
        };
        let authority = url.authority().ok_or_else(|| fault("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(fault("must not hold a user name or password"));
        }
        if url.query().is_some() || base_url.contains('#') {
            return Err(fault("must not have a query or a fragment"));
        }
        let host = authority.host().to_ascii_lowercase();
        if host.is_empty() {
            return Err(fault("has no host"));
        }
        let usual = if secure { 443 } else { 80 };
        let port = match authority.port() {
            None if authority.as_str() == authority.host() => usual,
            None => return Err(fault("has a bad port")),
            Some(port) => {
                Some(port.as_u16()).filter(|port| *port != 0).ok_or_else(|| fault("has a bad port"))?
            }
        };
        Ok(Self {
            secure,
            endpoint: Endpoint { host: bare(&host), port },
            host: if port == usual { host } else { format!("{host}:{port}") },
            prefix: url.path_and_query().map_or("", PathAndQuery::path).trim_end_matches('/').to_owned(),
        })
    }
}

/// A host without the brackets of an IPv6 literal.
fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

fn server_name(host: &str) -> Result<ServerName<'static>, OriginError> {
    ServerName::try_from(host.to_owned())
        .map_err(|_| OriginError::new("base_url: the host is not a name TLS can verify"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn origin(base_url: &str, proxy: Option<&Proxy>) -> Result<Origin, OriginError> {
        Origin::new(base_url, [("authorization", "Bearer key")], None, proxy, true)
    }

    /// Host header, path prefix, host and port to connect to.
    fn parts(base_url: &str) -> Option<(String, String, String, u16)> {
        let origin = origin(base_url, None).ok()?;
        Some((origin.host, origin.prefix, origin.endpoint.host, origin.endpoint.port))
    }

    #[test]
    fn takes_a_base_url_apart() {
        for (base_url, host, prefix, connect_to, port) in [
            ("http://Example.com", "example.com", "", "example.com", 80),
            ("http://example.com:80/", "example.com", "", "example.com", 80),
            ("http://example.com:8000/v1/", "example.com:8000", "/v1", "example.com", 8000),
            ("http://[::1]:9/a/b", "[::1]:9", "/a/b", "::1", 9),
            ("http://127.0.0.1", "127.0.0.1", "", "127.0.0.1", 80),
        ] {
            let expected = (host.to_owned(), prefix.to_owned(), connect_to.to_owned(), port);
            assert_eq!(parts(base_url), Some(expected), "{base_url}");
        }
    }

    #[test]
    fn a_proxy_sees_the_whole_url_and_its_own_credentials() {
        let proxy = Proxy { address: "[::1]:3128".to_owned(), authorization: Some("Basic abc".to_owned()) };
        let Ok(origin) = origin("http://example.com/v1", Some(&proxy)) else { unreachable!("it is valid") };
        assert_eq!(origin.target_prefix(), "http://example.com/v1");
        let lines = String::from_utf8_lossy(origin.lines());
        assert!(lines.contains("proxy-authorization: Basic abc\r\n"), "{lines}");
        assert_eq!(origin.via().map(|via| via.endpoint.label()), Some("[::1]:3128".to_owned()));
    }

    proptest! {
        /// Whatever stands in the policy, there is an origin or an error that quotes nothing of it.
        #[test]
        fn quotes_nothing(rest in "[ -~]{0,40}", proxy in "[ -~]{0,20}") {
            let secret = "s3cr3t";
            let proxy = Proxy { address: format!("{proxy}{secret}"), authorization: Some(format!("{secret}{proxy}")) };
            for base_url in [format!("{secret}{rest}"), format!("http://{secret}{rest}"), format!("http://a{rest}{secret}")] {
                for proxy in [None, Some(&proxy)] {
                    if let Err(OriginError(why)) = origin(&base_url, proxy) {
                        prop_assert!(!why.contains(secret), "{}", why);
                    }
                }
            }
        }
    }
}
