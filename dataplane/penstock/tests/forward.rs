//! A forward listener of the real binary, whose callers here are no agents.

mod common;

use common::{Client, Setup, always, eventually, free_port, ok};

#[test]
fn who_is_no_agent_is_refused_with_what_to_do_and_mcp_is_served_beside() {
    let address = free_port();
    let listener = format!("{{ name: forward, address: \"{address}\", forward: true }}");
    let more = "agents: { claude: { forward: [\"pypi.org:443\"] } }\nlog: { access: true }";
    let penstock = Setup::to(always(ok("{}"))).listener(&listener).more(more).start();
    for head in [
        "CONNECT pypi.org:443 HTTP/1.1\r\nHost: pypi.org:443\r\n\r\n",
        "GET http://pypi.org:443/ HTTP/1.1\r\nHost: pypi.org:443\r\n\r\n",
    ] {
        let (status, body) = Client::connect(address).ask(head.as_bytes());
        assert_eq!(status, 403);
        assert!(body.contains("penstock run"), "{body}");
    }
    let (status, body) = Client::connect(address).ask(&common::call(1));
    assert_eq!(status, 400);
    assert!(body.contains("this is the forward listener"), "{body}");
    assert_eq!(penstock.connect().ask(&common::call(1)).0, 200);
    eventually("the refusals are in the access log", || {
        penstock.log().matches("access: listener=\"forward\"").count() == 3
    });
}
