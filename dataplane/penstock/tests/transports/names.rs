//! Upstreams by name: more than one address, or none.

use std::time::{Duration, Instant};

use crate::common::{Penstock, Setup, always, call, eventually, free_port, ok};

#[test]
fn a_name_with_an_address_where_nobody_listens_is_served_by_its_other() {
    // The upstream listens on 127.0.0.1; where `localhost` is ::1 too, that refuses.
    let port = always(ok("{}")).port();
    let penstock = Penstock::with(&format!("{{ url: \"http://localhost:{port}/mcp\" }}"), "");
    let mut client = penstock.connect();
    eventually("the name is resolved", || client.ask(&call(1)).0 == 200);
    let before = penstock.descriptors();
    for id in 2..20 {
        assert_eq!(penstock.connect().ask(&call(id)).0, 200);
    }
    eventually("the losing attempts are closed", || penstock.descriptors() <= before);
}

#[test]
fn a_name_of_which_no_address_answers_is_a_502_with_the_address() {
    let port = free_port().port();
    let penstock = Penstock::with(&format!("{{ url: \"http://localhost:{port}/mcp\" }}"), "");
    let mut client = penstock.connect();
    eventually("the name is resolved", || !client.ask(&call(1)).1.contains("not resolved yet"));
    let (status, body) = client.ask(&call(7));
    assert_eq!(status, 502);
    assert!(body.contains("\"id\":7") && body.contains(&format!(":{port}")), "{body}");
}

#[test]
fn a_name_without_an_address_is_a_502_and_other_upstreams_are_served_meanwhile() {
    let other = format!("{{ url: \"http://{}/\" }}", always(ok("{}")));
    let penstock = Setup::with("{ url: \"http://nowhere.invalid/mcp\" }").also("other", &other);
    let penstock = penstock.start();
    let mut client = penstock.connect();
    let elsewhere = String::from_utf8(call(1)).expect("text").replace("/mcp/up", "/mcp/other");
    for _ in 0..20 {
        let began = Instant::now();
        let (status, body) = client.ask(&call(7));
        assert_eq!(status, 502);
        assert!(body.contains("\"id\":7") && body.contains("nowhere.invalid"), "{body}");
        assert_eq!(client.ask(elsewhere.as_bytes()).0, 200);
        assert!(began.elapsed() < Duration::from_secs(1), "a shard waited for the resolver");
        std::thread::sleep(Duration::from_millis(50));
    }
}
