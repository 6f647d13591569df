//! One TCP connection, plain or inside TLS, as poll functions that never block.
//!
//! Owns the descriptor: dropping it closes the connection in that instant. Bytes go through the caller's scratch
//! buffer, so an idle connection holds no buffer at all.

use std::{
    future::poll_fn,
    io::{self, IoSlice, Read, Write},
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use mio::net::TcpStream;
use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::reactor::{Reactor, Readiness};

/// A model may think for minutes: keep-alive probes hold NAT entries open and find dead peers.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 4;

pub(crate) struct Socket {
    stream: TcpStream,
    slot: usize,
    readiness: Rc<Readiness>,
    reactor: Rc<Reactor>,
}

/// What HTTP is spoken over.
pub(crate) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

// === impl Socket ===

impl Socket {
    /// Connect, and wait until that is done.
    pub(crate) async fn connect(reactor: &Rc<Reactor>, address: SocketAddr) -> io::Result<Self> {
        let mut stream = TcpStream::connect(address)?;
        let (slot, readiness) = reactor.watch(&mut stream)?;
        let socket = Self { stream, slot, readiness, reactor: Rc::clone(reactor) };
        poll_fn(|context| socket.poll_connected(context)).await?;
        socket.tune()?;
        Ok(socket)
    }

    pub(crate) fn readiness(&self) -> &Rc<Readiness> {
        &self.readiness
    }

    fn poll_connected(&self, context: &Context<'_>) -> Poll<io::Result<()>> {
        if !self.readiness.may_write(context) {
            return Poll::Pending;
        }
        if let Some(error) = self.stream.take_error()? {
            return Poll::Ready(Err(error));
        }
        match self.stream.peer_addr() {
            Ok(_) => Poll::Ready(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                self.readiness.not_writable(context);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn tune(&self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        sockopt::set_socket_keepalive(&self.stream, true)?;
        sockopt::set_tcp_keepidle(&self.stream, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(&self.stream, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(&self.stream, KEEPALIVE_PROBES)?;
        Ok(())
    }

    fn poll_receive(&self, context: &Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            if !self.readiness.may_read(context) {
                return Poll::Pending;
            }
            match (&self.stream).read(room) {
                Ok(count) => {
                    self.readiness.read(count, room.len());
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readiness.not_readable(context);
                    return Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_send(&self, context: &Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            if !self.readiness.may_write(context) {
                return Poll::Pending;
            }
            let sent = match parts {
                [part] => (&self.stream).write(part),
                parts => (&self.stream).write_vectored(parts),
            };
            match sent {
                Ok(count) => {
                    self.readiness.wrote(count, parts.iter().map(|part| part.len()).sum());
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readiness.not_writable(context);
                    return Poll::Pending;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.reactor.forget(self.slot);
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_receive(context, room.initialize_unfilled()).map_ok(|count| room.advance(count))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(std::net::Shutdown::Write))
    }
}

// === impl Stream ===

impl Stream {
    pub(crate) fn readiness(&self) -> &Rc<Readiness> {
        match self {
            Self::Plain(socket) => socket.readiness(),
            Self::Tls(stream) => stream.get_ref().0.readiness(),
        }
    }

    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        room: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_receive(context, room),
            Self::Tls(stream) => {
                let mut room = ReadBuf::new(room);
                Pin::new(stream).poll_read(context, &mut room).map_ok(|()| room.filled().len())
            }
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(socket) => socket.poll_send(context, parts),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }
}
