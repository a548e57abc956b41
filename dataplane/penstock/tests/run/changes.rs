//! What changes while an agent runs: penstock itself, its configuration, what the kernel enforces.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Stdio};

use crate::common::eventually;
use crate::serving::{ALLOWED, OTHER, Serving};

/// An agent that does what it is told, a line at a time, and says what came of it.
const AGENT: &str = r#"
import errno, http.client, socket, sys
def connect(host, port):
    socket.create_connection((host, port), 5).close()
    return 'connected'
def call(host, port):
    link = http.client.HTTPConnection(host, port, timeout=5)
    link.request('POST', '/mcp/fixture', '{"jsonrpc":"2.0","id":1,"method":"ping"}',
        {'Content-Type': 'application/json', 'Accept': 'application/json, text/event-stream'})
    return link.getresponse().status
def tunnel(host, port, to):
    with socket.create_connection((host, port), 5) as link:
        link.sendall(f'CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n'.encode())
        return link.recv(4096).split()[1].decode()
for line in sys.stdin:
    what, address, *more = line.split()
    host, port = address.split(':')
    try:
        said = globals()[what](host, int(port), *more)
    except OSError as error:
        said = errno.errorcode.get(error.errno, type(error).__name__)
    print(said, flush=True)
"#;

struct Agent {
    child: Child,
    says: BufReader<ChildStdout>,
}

impl Agent {
    fn start(serving: &Serving) -> Self {
        let mut command = serving.agent(&["/usr/bin/python3", "-c", AGENT]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let says = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, says }
    }

    fn does(&mut self, what: &str, to: SocketAddr) -> String {
        self.ask(&format!("{what} {to}"))
    }

    fn ask(&mut self, line: &str) -> String {
        let stdin = self.child.stdin.as_mut().expect("it is piped");
        writeln!(stdin, "{line}").expect("the agent runs");
        let mut said = String::new();
        self.says.read_line(&mut said).expect("the agent answers");
        said.trim_end().to_owned()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn while_penstock_is_dead_its_agents_reach_nothing_and_then_it_knows_them_again() {
    let Some(mut serving) = Serving::new() else { return };
    let mut agent = Agent::start(&serving);
    let (direct, mcp) = (serving.destination.http, serving.mcp);
    assert_eq!(agent.does("connect", direct), "EPERM");
    assert_eq!(agent.does("call", mcp), "200");
    let attested = |serving: &Serving| {
        let log = serving.log();
        log.lines()
            .filter(|line| line.contains("method=\"ping\"") && line.contains("agent=\"one\""))
            .count()
    };
    eventually("the call is attested", || attested(&serving) == 1);
    serving.kill();
    // The kernel takes a ring's listeners down a moment after its process.
    eventually("nobody listens", || {
        assert_eq!(agent.does("connect", direct), "EPERM");
        agent.does("call", mcp) == "ECONNREFUSED"
    });
    for _ in 0..20 {
        assert_eq!(agent.does("connect", direct), "EPERM");
        assert_eq!(agent.does("call", mcp), "ECONNREFUSED");
        assert_eq!(agent.does("connect", serving.host.forward), "ECONNREFUSED");
    }
    serving.start();
    assert_eq!(agent.does("connect", direct), "EPERM");
    assert_eq!(agent.does("call", mcp), "200");
    eventually("the call after is attested too", || attested(&serving) == 2);
}

#[test]
fn an_agent_that_runs_may_ask_for_what_a_reload_allows_and_no_longer_for_what_it_does_not() {
    let Some(serving) = Serving::new() else { return };
    let mut agent = Agent::start(&serving);
    let port = serving.destination.https.port();
    let forward = serving.host.forward;
    let mut answers = |name: &str| agent.ask(&format!("tunnel {forward} {name}:{port}"));
    assert_eq!((answers(ALLOWED), answers(OTHER)), ("200".into(), "403".into()));
    let rules: Vec<_> =
        serving.rules().into_iter().map(|rule| rule.replace(ALLOWED, OTHER)).collect();
    serving.allow(&rules);
    serving.reload();
    eventually("the new rules hold", || answers(OTHER) == "200");
    assert_eq!(answers(ALLOWED), "403");
}

#[test]
fn a_policy_that_changes_has_no_gap_for_an_agent_that_runs() {
    let Some(serving) = Serving::new() else { return };
    let (direct, mcp) = (serving.destination.http, serving.mcp);
    // As fast as it can: what is forbidden, and penstock.
    let script = format!(
        "import errno, os, socket\n\
         def tried(to):\n\
         \x20   with socket.socket() as link: return errno.errorcode.get(link.connect_ex(to), 'connected')\n\
         seen, count = set(), 0\n\
         while not os.path.exists('stop'):\n\
         \x20   seen.add(('forbidden', tried(('127.0.0.2', {}))))\n\
         \x20   seen.add(('penstock', tried(('127.0.0.1', {}))))\n\
         \x20   count += 1\n\
         \x20   if count == 1: open('begun', 'w')\n\
         print(count > 100, *sorted(seen))",
        direct.port(),
        mcp.port(),
    );
    let mut busy = serving.agent(&["/usr/bin/python3", "-c", &script]);
    let busy = busy.stdout(Stdio::piped()).spawn().expect("it starts");
    let work = serving.host.work();
    eventually("it has begun", || work.join("begun").exists());
    for port in 1..=5 {
        let keys = format!(", egress: [ \"tcp 192.0.2.1:{port}\" ]");
        serving.configure(&serving.rules(), &keys);
        serving.apply();
    }
    std::fs::write(work.join("stop"), "").expect("a file");
    let said = busy.wait_with_output().expect("its end").stdout;
    let said = String::from_utf8_lossy(&said);
    assert_eq!(said, "True ('forbidden', 'EPERM') ('penstock', 'connected')\n");

    let mut agent = Agent::start(&serving);
    assert_eq!(agent.does("connect", direct), "EPERM");
    serving.configure(&serving.rules(), &format!(", egress: [ \"tcp {direct}\" ]"));
    serving.apply();
    assert_eq!(agent.does("connect", direct), "connected");
    serving.allow(&serving.rules());
    serving.apply();
    assert_eq!(agent.does("connect", direct), "EPERM");
}
