//! Client certificates: who may connect at all.

use std::net::SocketAddr;

use crate::common::{Penstock, Setup, always, call, eventually, free_port, ok};
use crate::tls::{Authority, Identity, agent, ask};

struct Gate {
    penstock: Penstock,
    address: SocketAddr,
    servers: Authority,
    clients: Authority,
}

fn gate(policy: &str) -> Gate {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let address = free_port();
    let setup = Setup::to(always(ok("{}"))).listener(&format!(
        "{{ address: \"{address}\", tls: {{ certificate: l.pem, key: l.key, client_ca: ca.pem{policy} }} }}"
    ));
    let setup = setup.more("log: { access: true }");
    servers.issue("localhost").save(&setup.folder, "l");
    clients.save(&setup.folder, "ca.pem");
    Gate { penstock: setup.start(), address, servers, clients }
}

impl Gate {
    fn served(&self, client: Option<&Identity>) -> bool {
        let answer = ask(self.address, agent(&self.servers, client, &[]), &call(1));
        answer.is_ok_and(|(status, _)| status == 200)
    }
}

#[test]
fn only_a_certificate_of_the_right_authority_is_served() {
    let gate = gate("");
    let before = gate.penstock.descriptors();
    let stranger = Authority::new("clients").issue("agent");
    assert!(!gate.served(None), "no certificate");
    assert!(!gate.served(Some(&stranger)), "an authority of the same name");
    assert!(!gate.served(Some(&gate.clients.issue_expired("agent"))), "expired");
    assert!(gate.served(Some(&gate.clients.issue("agent"))));
    eventually("the refused connections are closed", || gate.penstock.descriptors() <= before + 1);
}

#[test]
fn the_access_log_names_the_client_that_the_certificate_names() {
    let gate = gate("");
    assert!(gate.served(Some(&gate.clients.issue("agent-7.example"))));
    eventually("the call is logged", || gate.penstock.log().contains("agent-7.example"));
    let log = gate.penstock.log();
    assert!(log.contains("identity=\"agent-7.example\""), "{log}");
}

#[test]
fn a_refused_client_is_told_why() {
    let gate = gate("");
    let refused = ask(gate.address, agent(&gate.servers, None, &[]), &call(1));
    let why = refused.expect_err("no certificate").to_string();
    assert!(why.contains("CertificateRequired"), "{why}");
}

#[test]
fn an_optional_certificate_may_be_absent_but_not_wrong() {
    let gate = gate(", client_certificate: optional");
    assert!(gate.served(None), "no certificate");
    assert!(gate.served(Some(&gate.clients.issue("agent"))));
    assert!(!gate.served(Some(&Authority::new("other").issue("agent"))), "another authority");
    assert!(!gate.served(Some(&gate.clients.issue_expired("agent"))), "expired");
}

#[test]
fn changed_roots_hold_for_new_connections() {
    let gate = gate("");
    let next = Authority::new("next");
    let (old, new) = (gate.clients.issue("agent"), next.issue("agent"));
    assert!(gate.served(Some(&old)) && !gate.served(Some(&new)));
    next.save(&gate.penstock.setup.folder, "ca.pem");
    eventually("the new authority's clients are served", || gate.served(Some(&new)));
    assert!(!gate.served(Some(&old)));
}
