//! The two ends of a load test: `rig mock`, an upstream that costs next to nothing, and `rig client`, which puts load
//! on a gateway (or straight on the mock) and counts what came back. Both are one thread over epoll, so that they can
//! share one core while the gateway has the other. Knows HTTP/1.1 as far as two ends on one machine need it, no TLS.

mod client;
mod mock;
mod poller;

use std::io::Write as _;
use std::process::ExitCode;

use argh::FromArgs;

/// An upstream and a load client for the benchmark.
#[derive(FromArgs)]
struct Rig {
    #[argh(subcommand)]
    part: Part,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Part {
    Mock(mock::Options),
    Client(client::Options),
}

fn main() -> ExitCode {
    let result = match argh::from_env::<Rig>().part {
        Part::Mock(options) => mock::run(&options),
        Part::Client(options) => client::run(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "rig: {error}");
            ExitCode::FAILURE
        }
    }
}
