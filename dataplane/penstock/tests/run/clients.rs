//! The official MCP clients, confined: the scripts of the suite `clients`, against the same server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use crate::common::eventually;
use crate::host::says;
use crate::serving::{Serving, fails};
use crate::shown::{tests, tools};

/// A process of the test's; ended when dropped.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn official_clients_find_the_servers_and_are_known_by_the_kernel() {
    if !tools() {
        return;
    }
    let mut node = Command::new("node");
    node.arg(tests().join("conformance/server.mjs")).arg("0").stdout(Stdio::piped());
    let mut server = Service(node.spawn().expect("node starts"));
    let mut line = String::new();
    let said = server.0.stdout.take().expect("it is piped");
    BufReader::new(said).read_line(&mut line).expect("it says where it listens");
    let upstream = line.trim_end().strip_prefix("listening on ").expect("an address");
    let Some(serving) = Serving::before(upstream.parse().expect("an address")) else { return };

    let direct = ["curl", "-sS", "-o", "answer", &format!("http://{upstream}/mcp")];
    says(serving.unconfined(&direct));
    fails(serving.agent(&direct));
    assert!(serving.events().iter().any(|event| event["comm"] == "curl"));

    let base = "$(python3 -c \"import json, os; servers = json.load(open(os.environ['PENSTOCK_MCP_CONFIG'])); \
        print(servers['mcpServers']['fixture']['url'].rpartition('/')[0])\")";
    let mut seen = 0;
    for (program, script) in
        [("python3", "python.py"), ("node", "client-2.mjs"), ("node", "sdk-1.mjs")]
    {
        let script = tests().join("clients").join(script);
        let script = format!("exec {program} {} {base} fixture", script.display());
        let said = says(serving.agent(&["sh", "-ec", &script]));
        assert!(said.lines().all(|line| line.starts_with("ok ")) && !said.is_empty(), "{said}");
        let log = || serving.log();
        eventually("its calls are in the access log", || {
            log().matches("server=\"fixture\"").count() > seen
        });
        let log = log();
        let mut calls = log.lines().filter(|line| line.contains("server=\"fixture\""));
        assert!(calls.all(|line| line.contains("agent=\"one\"")), "{log}");
        seen = log.matches("server=\"fixture\"").count();
    }
}
