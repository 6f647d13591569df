//! Client against mock, and client against upstreams that lie: what is counted must be what happened.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

const RIG: &str = env!("CARGO_BIN_EXE_rig");

struct Mock {
    process: Child,
    ports: [u16; 2],
}

impl Mock {
    fn start() -> Self {
        let ports = [free_port(), free_port()];
        let process = Command::new(RIG)
            .args(["mock", "--listen", &format!("{}=0", ports[0]), "--listen", &format!("{}=4", ports[1])])
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", ports[0])).is_err() {
            assert!(Instant::now() < deadline, "the mock does not listen");
        }
        Self { process, ports }
    }

    fn served(&self) -> Value {
        let mut link = TcpStream::connect(("127.0.0.1", self.ports[0])).unwrap();
        link.write_all(b"GET /stats HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = vec![0; 4096];
        let read = link.read(&mut answer).unwrap();
        let text = std::str::from_utf8(&answer[..read]).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap()
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

fn bodies(name: &str, body: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, body).unwrap();
    path
}

fn client(port: u16, bodies: &PathBuf, arguments: &[&str]) -> Value {
    let Output { status, stdout, .. } = Command::new(RIG)
        .args(["client", "--address", &format!("127.0.0.1:{port}"), "--bodies"])
        .arg(bodies)
        .args(["--patience", "10"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(status.success());
    serde_json::from_slice(&stdout).unwrap()
}

#[test]
fn plain_answers_are_counted_at_both_ends() {
    let mock = Mock::start();
    let report = client(
        mock.ports[0],
        &bodies("plain", "{\"model\":\"m\"}\n"),
        &["--connections", "4", "--requests", "200"],
    );
    assert_eq!((&report["ok"], &report["failed"], &report["events"]), (&200.into(), &0.into(), &0.into()));
    assert_eq!(report["body_bytes"], 200 * 770);
    assert_eq!(report["latency_us"]["samples"], 200);
    assert_eq!(mock.served()["plain"], 200);
}

#[test]
fn streams_are_counted_event_by_event_at_any_pace() {
    let mock = Mock::start();
    let file = bodies("stream", "{\"stream\":true}\n");
    for port in mock.ports {
        let report = client(port, &file, &["--connections", "4", "--requests", "12"]);
        assert_eq!((&report["ok"], &report["events"]), (&12.into(), &(12 * 51).into()), "{report}");
    }
    assert_eq!(mock.served()["streams"], 24);
    assert_eq!(mock.served()["aborted"], 0);
}

#[test]
fn a_paced_stream_takes_its_time() {
    let mock = Mock::start();
    let report = client(
        mock.ports[1],
        &bodies("paced", "{\"stream\":true}\n"),
        &["--connections", "4", "--requests", "4"],
    );
    assert!(report["latency_us"]["p50"].as_f64().unwrap() >= 50.0 * 4000.0 * 0.999, "{report}");
}

#[test]
fn the_timetable_is_kept_and_a_stall_is_charged_to_what_it_delayed() {
    // Answers each request after 50 ms, one connection: a closed loop would report 50 ms for all of them.
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let (mut link, _) = listener.accept().unwrap();
        let mut scratch = [0; 4096];
        while link.read(&mut scratch).is_ok_and(|n| n > 0) {
            std::thread::sleep(Duration::from_millis(50));
            if link.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").is_err() {
                return;
            }
        }
    });
    let file = bodies("stall", "{}\n");
    let report = client(port, &file, &["--connections", "1", "--rate", "100", "--seconds", "0.2"]);
    assert_eq!(report["ok"], 20);
    // The last is due at 190 ms and answered after 20 × 50 ms.
    assert!(report["latency_us"]["max"].as_f64().unwrap() >= 800_000.0, "{report}");
}

#[test]
fn cut_streams_wrong_statuses_and_hang_ups_are_failures() {
    let answers: [&[u8]; 3] = [
        b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\ndata: {}\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    ];
    for answer in answers {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for link in listener.incoming() {
                let mut link = link.unwrap();
                let mut scratch = [0; 4096];
                if link.read(&mut scratch).is_ok_and(|n| n > 0) {
                    let _ = link.write_all(answer);
                }
            }
        });
        let report = client(port, &bodies("lies", "{}\n"), &["--connections", "4", "--requests", "8"]);
        assert_eq!((&report["ok"], &report["failed"]), (&0.into(), &8.into()), "{report}");
    }
}
