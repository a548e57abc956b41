//! Reload and drain while many agents call.

mod common;

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use common::{
    Client, PATIENCE, Penstock, Setup, always, call, eventually, ok, read_request, upstream,
};

const AGENTS: u32 = 16;

/// An upstream that takes a few milliseconds over each answer.
fn busy() -> SocketAddr {
    upstream(|mut stream| {
        while read_request(&mut stream).is_some() {
            sleep(Duration::from_millis(3));
            if stream.write_all(&ok(&"x".repeat(10_000))).is_err() {
                return;
            }
        }
    })
}

#[test]
fn twenty_reloads_under_load_fail_no_call() {
    let penstock = Penstock::start(busy(), "");
    let (over, calls) = (AtomicBool::new(false), AtomicU32::new(0));
    scope(|scope| {
        for _ in 0..AGENTS {
            scope.spawn(|| {
                let mut client = penstock.connect();
                while !over.load(Ordering::Acquire) {
                    let id = calls.fetch_add(1, Ordering::Relaxed);
                    let (status, body) = client.ask(&call(id));
                    assert_eq!((status, body.len()), (200, 10_000), "call {id}");
                }
            });
        }
        for reload in 1..=20 {
            // Half of them change what upstreams, and so their pools, are.
            let entry = format!("{{ url: \"http://{}/mcp\", idle_timeout: {reload}s }}", busy());
            if reload % 2 == 0 {
                let text = Setup::with(&entry).text(penstock.address);
                std::fs::write(&penstock.config, text).expect("the configuration is written");
            }
            penstock.signal("HUP");
            let done = || penstock.log().matches("was reloaded").count();
            eventually("the reload is done", || done() >= reload);
        }
        over.store(true, Ordering::Release);
    });
    assert!(calls.load(Ordering::Relaxed) > 20 * AGENTS, "the agents hardly called");
    assert!(!penstock.log().contains("call failed"), "{}", penstock.log());
}

#[test]
fn an_upstream_that_a_reload_took_away_finishes_its_calls_and_is_let_go() {
    let slow = upstream(|mut stream| {
        while read_request(&mut stream).is_some() {
            sleep(Duration::from_millis(800));
            let _ = stream.write_all(&ok("slow"));
        }
    });
    let penstock = Penstock::start(slow, "");
    let before = penstock.descriptors();
    let mut client = penstock.connect();
    client.send(&call(1));
    sleep(Duration::from_millis(200));
    let next = Setup::to(always(ok("next"))).text(penstock.address);
    std::fs::write(&penstock.config, next).expect("the configuration is written");
    penstock.signal("HUP");
    assert_eq!(penstock.connect().answer_after_reload(), (200, "next".into()));
    assert_eq!(client.answer(), Some((200, "slow".into())));
    assert_eq!(client.ask(&call(2)), (200, "next".into()));
    drop(client);
    eventually("only the next upstream's connection is kept", || {
        penstock.descriptors() <= before + 1
    });
}

trait AfterReload {
    fn answer_after_reload(self) -> (u16, String);
}

impl AfterReload for Client {
    /// Asks until the answer is not the old upstream's.
    fn answer_after_reload(mut self) -> (u16, String) {
        let mut got = (0, "slow".to_owned());
        eventually("the new upstream answers", || {
            got = self.ask(&call(9));
            got.1 != "slow"
        });
        got
    }
}

/// What came of an agent's call while penstock drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    /// A whole answer.
    Answer,
    /// A clean end before any of an answer: on a kept connection, whose end may cross a call on the
    /// wire (RFC 9112 section 9.5), the agent connects anew.
    Close,
    /// No connection: penstock has gone.
    Refused,
    /// A connection that was accepted, or a call that was sent, was thrown away.
    Reset,
}

fn ask(stream: &mut TcpStream) -> Came {
    if let Err(error) = stream.write_all(&call(1)) {
        return came(error.kind());
    }
    let mut seen = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        match stream.read(&mut piece) {
            Ok(0) if seen.is_empty() => return Came::Close,
            Ok(0) => panic!("{} bytes of an answer", seen.len()),
            Ok(read) => seen.extend_from_slice(&piece[..read]),
            Err(error) if seen.is_empty() => return came(error.kind()),
            Err(error) => panic!("{error} after {} bytes of an answer", seen.len()),
        }
        assert!(seen.starts_with(&b"HTTP/1.1 200"[..seen.len().min(12)]));
        if seen.ends_with(&[b'x'; 10_000]) {
            return Came::Answer;
        }
    }
}

fn came(error: ErrorKind) -> Came {
    match error {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Came::Reset,
        ErrorKind::ConnectionRefused => Came::Refused,
        other => panic!("{other}"),
    }
}

fn connect(address: SocketAddr) -> Result<TcpStream, Came> {
    let stream = TcpStream::connect(address).map_err(|error| came(error.kind()))?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
    Ok(stream)
}

#[test]
fn a_reload_holds_for_connections_that_are_open_already() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let mut kept = penstock.connect();
    assert_eq!(kept.ask(&call(1)).0, 200);
    let text = std::fs::read_to_string(&penstock.config).expect("the configuration");
    let listener = format!("{{ address: \"{}\" }}", penstock.address);
    assert!(text.contains(&listener), "{text}");
    let stricter = format!("{{ address: \"{}\", hosts: [elsewhere.example] }}", penstock.address);
    std::fs::write(&penstock.config, text.replace(&listener, &stricter)).expect("it is written");
    penstock.signal("HUP");
    eventually("new connections are refused", || penstock.connect().ask(&call(1)).0 == 403);
    assert_eq!(kept.ask(&call(2)).0, 403);
}

#[test]
fn a_reload_does_not_make_a_listener_one_that_forwards() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let text = std::fs::read_to_string(&penstock.config).expect("the configuration");
    let listener = format!("{{ address: \"{}\" }}", penstock.address);
    assert!(text.contains(&listener), "{text}");
    let forward = format!("{{ address: \"{}\", forward: true }}", penstock.address);
    std::fs::write(&penstock.config, text.replace(&listener, &forward)).expect("it is written");
    penstock.signal("HUP");
    penstock.logs("`forward` of `listeners`");
    assert_eq!(penstock.connect().ask(&call(1)).0, 200);
}

#[test]
fn calls_under_way_at_sigterm_get_whole_answers() {
    let slow = upstream(|mut stream| {
        let _ = read_request(&mut stream);
        sleep(Duration::from_millis(700));
        let _ = stream.write_all(&ok(&"x".repeat(10_000)));
    });
    let mut penstock = Penstock::start(slow, "");
    let mut clients: Vec<Client> = (0..100).map(|_| penstock.connect()).collect();
    for client in &mut clients {
        client.send(&call(1));
    }
    sleep(Duration::from_millis(300));
    penstock.signal("TERM");
    for client in &mut clients {
        assert_eq!(client.answer().map(|(status, body)| (status, body.len())), Some((200, 10_000)));
        assert!(client.rest().is_empty(), "the connection goes on");
    }
    assert!(penstock.wait(), "the exit status is not 0");
}

#[test]
fn a_drain_under_load_throws_no_call_away() {
    let mut penstock = Penstock::start(always(ok(&"x".repeat(10_000))), "");
    let address = penstock.address;
    let results = std::sync::Mutex::new(Vec::new());
    scope(|scope| {
        for agent in 0..64 {
            let results = &results;
            scope.spawn(move || {
                // Half keep their connection, half make one a call.
                let keeps = agent % 2 == 0;
                let mut kept: Option<TcpStream> = None;
                loop {
                    let used = kept.take().filter(|stream| !closed(stream));
                    let again = used.is_some();
                    let came = match used.map_or_else(|| connect(address), Ok) {
                        Ok(mut stream) => {
                            let came = ask(&mut stream);
                            kept = (keeps && came == Came::Answer).then_some(stream);
                            came
                        }
                        Err(came) => came,
                    };
                    results.lock().expect("the list").push((again, came));
                    if came == Came::Refused {
                        return;
                    }
                }
            });
        }
        sleep(Duration::from_millis(500));
        penstock.signal("TERM");
    });
    assert!(penstock.wait(), "the exit status is not 0");
    let results = results.into_inner().expect("the list");
    let count = |again, came| results.iter().filter(|one| **one == (again, came)).count();
    assert!(count(false, Came::Answer) > 100 && count(true, Came::Answer) > 100);
    let lost = [
        ("reset on a new connection", count(false, Came::Reset)),
        ("closed on a new connection", count(false, Came::Close)),
        ("reset on a kept connection", count(true, Came::Reset)),
    ];
    assert!(lost.iter().all(|(_, calls)| *calls == 0), "{lost:?}");
}

/// Whether the other side has already ended a connection that nothing is asked on.
fn closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("nonblocking");
    let ended =
        !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).expect("blocking");
    ended
}
