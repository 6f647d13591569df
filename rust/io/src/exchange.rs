//! The life of one exchange, from getting a connection to giving it back.
//!
//! Owns the one retry there is: a request that provably was not processed goes to another connection. Invariant: when
//! anything of a request may have been processed, it is not written again.

use std::rc::Rc;

use crate::{
    IoError, Request,
    client::Core,
    dial::{Dialed, dial},
    flight::Flight,
    http1::Http1,
    http2::{self, Lease},
    pool::{Grant, Permit, Pool},
};

/// Each is on a connection that was there before and turned out to be of no use, but the last.
const MAX_ATTEMPTS: u32 = 3;

/// Why carrying an exchange on one connection failed.
pub(crate) enum Failure {
    /// Nothing of the request was processed: the peer said so, or none of it left.
    Unprocessed(IoError),
    Final(IoError),
}

// === impl Failure ===

impl Failure {
    /// The connection failed before a byte of an answer came.
    pub(crate) fn before_answer(flight: &Flight, reason: &str) -> Self {
        let error = flight.broke(reason);
        if flight.sent() { Self::Final(error) } else { Self::Unprocessed(error) }
    }
}

impl From<IoError> for Failure {
    fn from(error: IoError) -> Self {
        Self::Final(error)
    }
}

/// Carry an exchange to its end, and say how it ended.
pub(crate) async fn carry(core: Rc<Core>, pool: Rc<Pool>, mut request: Request, flight: Rc<Flight>) {
    let end = attempts(&core, &pool, &mut request, &flight).await;
    core.land(&flight, end);
}

async fn attempts(
    core: &Rc<Core>,
    pool: &Rc<Pool>,
    request: &mut Request,
    flight: &Flight,
) -> Result<(), IoError> {
    let mut attempt = 1;
    loop {
        match once(core, pool, request, flight).await {
            Ok(()) => return Ok(()),
            Err(Failure::Unprocessed(_)) if flight.reused() && attempt < MAX_ATTEMPTS => {
                attempt += 1;
                flight.back_to_start();
            }
            Err(Failure::Unprocessed(error)) => {
                flight.back_to_start();
                return Err(error);
            }
            Err(Failure::Final(error)) => return Err(error),
        }
    }
}

async fn once(
    core: &Rc<Core>,
    pool: &Rc<Pool>,
    request: &mut Request,
    flight: &Flight,
) -> Result<(), Failure> {
    match pool.acquire().await {
        Grant::Http1(connection) => on_http1(core, pool, connection, request, flight, true).await,
        // The rarer ways are boxed: a future is as large as its largest way, and it is moved.
        Grant::Http2(lease) => Box::pin(http2::carry(pool.origin(), lease, request, flight, true)).await,
        Grant::Permit(permit) => Box::pin(anew(core, pool, permit, request, flight)).await,
    }
}

/// On a connection of its own making.
async fn anew(
    core: &Rc<Core>,
    pool: &Rc<Pool>,
    permit: Permit,
    request: &mut Request,
    flight: &Flight,
) -> Result<(), Failure> {
    match dial(core, pool.origin()).await? {
        Dialed::Http1(stream) => {
            pool.speaks_http1(&permit);
            on_http1(core, pool, Http1::new(stream, permit), request, flight, false).await
        }
        Dialed::Http2(stream) => {
            let lease = multiplexed(core, pool, stream, permit, flight).await?;
            http2::carry(pool.origin(), lease, request, flight, false).await
        }
    }
}

async fn multiplexed(
    core: &Rc<Core>,
    pool: &Rc<Pool>,
    stream: Box<http2::TlsSocket>,
    permit: Permit,
    flight: &Flight,
) -> Result<Lease, IoError> {
    let (shared, connection) = http2::handshake(*stream, permit, &core.settings)
        .await
        .map_err(|error| http2::broken(flight, &error))?;
    core.executor.spawn(http2::drive(connection, Rc::clone(&shared), Rc::clone(pool)));
    Ok(pool.share(shared))
}

async fn on_http1(
    core: &Core,
    pool: &Rc<Pool>,
    mut connection: Http1,
    request: &mut Request,
    flight: &Flight,
    reused: bool,
) -> Result<(), Failure> {
    flight.connected(connection.stream().readiness(), reused);
    if connection.carry(core, pool.origin(), request, flight).await? {
        pool.release(connection);
    }
    Ok(())
}
