//! Invariant: a body is taken or refused, and every field read, as a tree parser and a plain rule book would do it; what
//! is taken has a canonical hash, and so has every answer that is read without a panic.
#![no_main]

#[path = "../../engine/tests/inspect/oracle.rs"]
mod oracle;
#[path = "../../engine/tests/inspect/tree.rs"]
mod tree;

use aigate_engine::inspect::{Body, Reply, usage_of};
use libfuzzer_sys::fuzz_target;

fn check(raw: &[u8]) {
    oracle::judge(raw);
    if let Ok(body) = Body::read(raw) {
        assert_eq!(body.canonical_hash(), Body::read(raw).expect("it was taken").canonical_hash());
    }
}

fuzz_target!(|data: &[u8]| {
    check(data);
    check(&[br#"{"messages":[{"role":"user"}],"#, data, b"}"].concat());
    check(&[br#"{"messages":[{"role":"user","content":"#, data, b"}]}"].concat());

    let _ = usage_of(data);
    if let Ok(reply) = Reply::read(data) {
        let renamed = reply.renamed("new").to_vec();
        let again = Reply::read(renamed.as_slice()).expect("a new name is no new grammar");
        assert_eq!((again.usage(), again.error()), (reply.usage(), reply.error()));
        assert!(reply.texts().all(|text| text.text.len() <= data.len()));
    }
});
