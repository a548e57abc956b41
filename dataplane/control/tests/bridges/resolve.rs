//! Names that a shard asks for.

use crate::gateway::{Gateway, snapshot};

#[test]
fn a_name_is_answered_by_its_addresses_and_how_long_they_hold() {
    let gateway = Gateway::start(snapshot(Vec::new()));
    let answer = gateway.send("GET", "/resolve/a.localhost", &[], "");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.text(), "10\n::1\n127.0.0.1");
}

#[test]
fn a_name_that_cannot_be_is_a_502_that_says_why() {
    let gateway = Gateway::start(snapshot(Vec::new()));
    let answer = gateway.send("GET", "/resolve/nowhere.invalid", &[], "");
    assert_eq!(answer.status, 502);
    assert!(!answer.text().is_empty());
}
