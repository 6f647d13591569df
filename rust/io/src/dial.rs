//! Making a connection: name, TCP, proxy, TLS. The exchange's connect deadline bounds all of it from outside.

use std::{
    future::{Future, poll_fn},
    io::{self, IoSlice},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::header;
use tokio_rustls::TlsConnector;

use crate::{
    IoError, Origin,
    client::Core,
    error::reason,
    http1::HeadReader,
    http2::TlsSocket,
    origin::{Endpoint, Secured, Via},
    reactor::Sleep,
    request,
    socket::{Socket, Stream},
};

/// An address that has not answered for so long gets company (RFC 8305).
const STAGGER: Duration = Duration::from_millis(250);

/// A connection, by the protocol agreed on it.
pub(crate) enum Dialed {
    Http1(Stream),
    Http2(Box<TlsSocket>),
}

type Connecting = Pin<Box<dyn Future<Output = io::Result<Socket>>>>;

/// Connects to whichever of several addresses answers first.
struct Race<'a> {
    core: &'a Core,
    port: u16,
    addresses: std::slice::Iter<'a, IpAddr>,
    running: Vec<Connecting>,
    next_start: Option<Sleep<'a>>,
    last_error: Option<io::Error>,
}

/// Connect to the origin, by its proxy if it has one.
pub(crate) async fn dial(core: &Core, origin: &Origin) -> Result<Dialed, IoError> {
    let (endpoint, kind) = match origin.via() {
        Some(via) => (&via.endpoint, "proxy "),
        None => (origin.endpoint(), ""),
    };
    let addresses = core.resolver.resolve(&endpoint.host).await.map_err(|reason| IoError::Unreachable {
        step: format!("resolve {kind}{}", endpoint.host),
        reason,
    })?;
    let mut socket = Race::new(core, &addresses, endpoint.port)
        .await
        .map_err(|error| failed(&format!("connect to {kind}"), endpoint, &error))?;
    let Some(secured) = origin.secured() else {
        return Ok(Dialed::Http1(Stream::Plain(socket)));
    };
    if let Some(via) = origin.via() {
        socket = tunnel(core, socket, via, origin.endpoint()).await?;
    }
    let stream = Box::new(
        secure(socket, secured).await.map_err(|error| failed("TLS with ", origin.endpoint(), &error))?,
    );
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        return Ok(Dialed::Http2(stream));
    }
    Ok(Dialed::Http1(Stream::Tls(stream)))
}

async fn secure(socket: Socket, secured: &Secured) -> io::Result<TlsSocket> {
    let connector = TlsConnector::from(Arc::clone(&secured.config));
    connector.connect(secured.name.clone(), socket).await
}

/// Ask a proxy for a tunnel (RFC 9110, section 9.3.6).
async fn tunnel(core: &Core, socket: Socket, via: &Via, target: &Endpoint) -> Result<Socket, IoError> {
    let refused = |why: &str| IoError::Unreachable {
        step: format!("tunnel to {} by proxy {}", target.label(), via.endpoint.label()),
        reason: Arc::from(why),
    };
    let mut ask = format!("CONNECT {0} HTTP/1.1\r\nhost: {0}\r\n", target.label()).into_bytes();
    if let Some(authorization) = &via.authorization {
        request::push_line(&mut ask, &header::PROXY_AUTHORIZATION, authorization);
    }
    ask.extend_from_slice(b"\r\n");

    let mut stream = Stream::Plain(socket);
    let mut written = 0;
    while written < ask.len() {
        let part = poll_fn(|context| stream.poll_write(context, &[IoSlice::new(&ask[written..])])).await;
        written += part.map_err(|error| refused(&reason(&error)))?;
    }
    let mut reader = HeadReader::new(core.settings.max_head_bytes, false);
    loop {
        let read = poll_fn(|context| stream.poll_read(context, &mut core.scratch.borrow_mut())).await;
        let count = read.map_err(|error| refused(&reason(&error)))?;
        if count == 0 {
            return Err(refused("closed by the proxy"));
        }
        let scratch = core.scratch.borrow();
        match reader.feed(&scratch[..count]).map_err(refused)? {
            None => {}
            Some((answer, _)) if !(200..300).contains(&answer.head.status()) => {
                return Err(refused(&format!("HTTP {}", answer.head.status())));
            }
            // In a tunnel the target speaks second: bytes behind the head are the proxy's own.
            Some((_, used)) if used < count => return Err(refused("the proxy sent more than an answer")),
            Some(_) => break,
        }
    }
    match stream {
        Stream::Plain(socket) => Ok(socket),
        Stream::Tls(_) => Err(refused("the tunnel is not plain")),
    }
}

fn failed(step: &str, endpoint: &Endpoint, error: &io::Error) -> IoError {
    IoError::Unreachable { step: format!("{step}{}", endpoint.label()), reason: reason(error) }
}

// === impl Race ===

impl<'a> Race<'a> {
    fn new(core: &'a Core, addresses: &'a [IpAddr], port: u16) -> Self {
        let addresses = addresses.iter();
        Self { core, port, addresses, running: Vec::new(), next_start: None, last_error: None }
    }

    /// Start on the next address, if there is one.
    fn start(&mut self) -> bool {
        let Some(address) = self.addresses.next() else { return false };
        let (reactor, address) = (Rc::clone(&self.core.reactor), SocketAddr::new(*address, self.port));
        self.running.push(Box::pin(async move { Socket::connect(&reactor, address).await }));
        let more = !self.addresses.as_slice().is_empty();
        self.next_start = more.then(|| self.core.reactor.sleep_until(Instant::now() + STAGGER));
        true
    }

    /// The first that connected; the failed ones leave the race.
    fn poll_running(&mut self, context: &mut Context<'_>) -> Option<Socket> {
        let mut winner = None;
        self.running.retain_mut(|connecting| match connecting.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(Ok(socket)) => {
                winner.get_or_insert(socket);
                false
            }
            Poll::Ready(Err(error)) => {
                self.last_error = Some(error);
                false
            }
        });
        winner
    }
}

impl Future for Race<'_> {
    type Output = io::Result<Socket>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            if let Some(socket) = self.poll_running(context) {
                return Poll::Ready(Ok(socket));
            }
            let due = match &mut self.next_start {
                Some(sleep) => Pin::new(sleep).poll(context).is_ready(),
                None => false,
            };
            if (due || self.running.is_empty()) && self.start() {
                continue;
            }
            if self.running.is_empty() {
                let error = self.last_error.take().unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into());
                return Poll::Ready(Err(error));
            }
            return Poll::Pending;
        }
    }
}
