//! Names resolved from a hosts file and from a name server of the test's own.

use std::net::UdpSocket;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use super::*;

type Told = Arc<Mutex<Vec<Resolution>>>;

fn names(hosts: &Path, dns: Option<TokioResolver>) -> (Arc<Names>, Told) {
    let told = Told::default();
    let sink = Arc::clone(&told);
    let pace = Pace {
        ttl_min: Duration::from_millis(50),
        retry_first: Duration::from_millis(10),
        retry_max: Duration::from_millis(50),
        lookup_timeout: Duration::from_millis(500),
        ..Pace::default()
    };
    let names = Names {
        hosts: hosts.into(),
        resolv_conf: "/nonexistent".into(),
        pace,
        resolved: Arc::new(move |_, _, answer| sink.lock().expect("lock").push(answer)),
        metrics: Arc::default(),
        // The time of change that a file has which is not there.
        dns: Mutex::new(dns.map(|dns| (SystemTime::UNIX_EPOCH, dns))),
        watched: Mutex::default(),
    };
    (Arc::new(names), told)
}

fn addresses(list: &[&str]) -> Vec<SocketAddr> {
    list.iter().map(|address| address.parse().expect("an address")).collect()
}

/// A name server that knows one name: 10.0.0.`last` and `fd00::1`, each for `ttl` seconds. It says
/// nothing while `last` is 0.
fn name_server(last: Arc<AtomicU32>, ttl: u8) -> TokioResolver {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let port = socket.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, peer)) = socket.recv_from(&mut query) {
            let last = u8::try_from(last.load(Ordering::Relaxed)).expect("an octet");
            // The question: after the head of 12 bytes, labels up to an empty one, type and class.
            let labels = query[12..length].iter().position(|&byte| byte == 0).expect("an end");
            let question = &query[12..12 + labels + 5];
            let v6 = question[labels + 2] == 28;
            let mut answer = query[..2].to_vec();
            answer.extend([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
            answer.extend(question);
            answer.extend([0xc0, 12, 0, question[labels + 2], 0, 1, 0, 0, 0, ttl, 0]);
            if v6 {
                answer.extend([16, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            } else {
                answer.extend([4, 10, 0, 0, last]);
            }
            if last > 0 {
                socket.send_to(&answer, peer).expect("sent");
            }
        }
    });
    let mut server = NameServerConfig::udp(std::net::Ipv4Addr::LOCALHOST.into());
    for connection in &mut server.connections {
        connection.port = port;
    }
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let provider = TokioRuntimeProvider::default();
    TokioResolver::builder_with_config(config, provider).build().expect("a resolver")
}

#[test]
fn families_take_turns_and_v6_begins() {
    let parse =
        |list: &[&str]| -> Vec<IpAddr> { list.iter().map(|ip| ip.parse().expect("IP")).collect() };
    assert_eq!(
        interleaved(parse(&["10.0.0.1", "10.0.0.2", "fd00::1", "10.0.0.3"])),
        parse(&["fd00::1", "10.0.0.1", "10.0.0.2", "10.0.0.3"])
    );
    assert!(interleaved(Vec::new()).is_empty());
}

#[tokio::test]
async fn a_name_in_the_hosts_file_needs_no_name_server() {
    let directory = crate::testing::directory("hosts");
    let file = directory.join("hosts");
    std::fs::write(&file, "127.0.0.9 mcp.test\n::1 mcp.test\n").expect("write");
    let (names, told) = names(&file, None);
    names.watch([("mcp.test".into(), 80), ("localhost".into(), 81)].into());
    let expected = addresses(&["[::1]:80", "127.0.0.9:80"]);
    assert_eq!(names.addresses("mcp.test", 80).await, Ok(expected.clone()));
    assert!(names.addresses("localhost", 81).await.expect("loopback")[0].ip().is_loopback());
    assert!(told.lock().expect("lock").contains(&Ok(expected)));
    names.watch(HashSet::new());
    assert!(names.addresses("mcp.test", 80).await.is_err());
    let _ = std::fs::remove_dir_all(directory);
}

#[tokio::test]
async fn a_name_follows_its_records_and_keeps_the_last_while_its_server_fails() {
    let last = Arc::new(AtomicU32::new(7));
    let (names, told) = names(Path::new("/nonexistent"), Some(name_server(Arc::clone(&last), 1)));
    names.watch([("mcp.test".into(), 443)].into());
    let first = addresses(&["[fd00::1]:443", "10.0.0.7:443"]);
    assert_eq!(names.addresses("mcp.test", 443).await, Ok(first.clone()));
    last.store(0, Ordering::Relaxed);
    let deadline = Instant::now() + Duration::from_secs(10);
    while names.metrics.resolution_failures.value() == 0 {
        assert!(Instant::now() < deadline, "an expired record was not asked for again");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(names.addresses("mcp.test", 443).await, Ok(first.clone()), "the last is kept");
    last.store(8, Ordering::Relaxed);
    let second = addresses(&["[fd00::1]:443", "10.0.0.8:443"]);
    while names.addresses("mcp.test", 443).await != Ok(second.clone()) {
        assert!(Instant::now() < deadline, "a name server that came back was not asked");
        sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(*told.lock().expect("lock"), [Ok(first), Ok(second)], "told of changes alone");
}

#[tokio::test]
async fn a_name_that_was_never_resolved_says_why() {
    let silent = name_server(Arc::new(AtomicU32::new(0)), 1);
    let (names, told) = names(Path::new("/nonexistent"), Some(silent));
    names.watch([("mcp.test".into(), 80)].into());
    let why = names.addresses("mcp.test", 80).await.expect_err("no answer");
    assert!(why.contains("`mcp.test` cannot be resolved"), "{why}");
    assert!(told.lock().expect("lock")[0].is_err());
}

#[test]
fn waits_are_bounded_both_ways() {
    let pace = Pace::default();
    assert!(pace.ttl_min >= Duration::from_secs(1) && pace.ttl_max <= Duration::from_hours(1));
    assert!(pace.retry_first < pace.retry_max);
}
