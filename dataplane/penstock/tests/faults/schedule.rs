//! Faults of both sides in random schedules on one penstock. A failure prints its seed;
//! `PENSTOCK_SEED=<seed>` runs the same schedules again.

use std::io::Write as _;
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use crate::common::{
    Client, Penstock, call, chunk, eventually, find, modern_call, ok, read_request, reset, upstream,
};

/// The `SplitMix64` generator (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or(0)
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// What a side does with the bytes it has to send.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Sends all.
    None,
    /// Sends a part, then closes.
    Close,
    /// Sends a part, then resets.
    Reset,
    /// Sends a part, then nothing until the other side has gone.
    Stall,
    /// Sends all, a few bytes at a time.
    Drip,
    /// Sends a part and goes on with what means nothing.
    Garbage,
    /// Sends a part, and ends only its own side.
    HalfClose,
}

const FAULTS: [Fault; 7] = [
    Fault::None,
    Fault::Close,
    Fault::Reset,
    Fault::Stall,
    Fault::Drip,
    Fault::Garbage,
    Fault::HalfClose,
];

/// A fault and the permille of the bytes after which it comes.
#[derive(Debug, Clone, Copy)]
struct Step {
    fault: Fault,
    after: usize,
}

impl Step {
    fn random(random: &mut Random) -> Self {
        Self { fault: random.one(&FAULTS), after: random.below(1001) }
    }

    /// As a field of the request, in which the upstream finds it.
    fn field(self, answer: usize) -> String {
        format!("X-Fault: {} {} {answer}\r\n", self.fault as usize, self.after)
    }

    fn of(head: &[u8]) -> Option<(Self, usize)> {
        let text = String::from_utf8_lossy(head);
        let value = text.lines().find_map(|line| line.strip_prefix("X-Fault: "))?;
        let mut numbers = value.split(' ').filter_map(|number| number.parse::<usize>().ok());
        let fault = *FAULTS.get(numbers.next()?)?;
        Some((Self { fault, after: numbers.next()? }, numbers.next()?))
    }

    /// Sends `bytes` so; the stream, where it is still of use.
    fn send(self, mut stream: TcpStream, bytes: &[u8]) -> Option<TcpStream> {
        let (part, rest) = bytes.split_at(bytes.len() * self.after / 1000);
        stream.write_all(part).ok()?;
        match self.fault {
            Fault::None => stream.write_all(rest).ok()?,
            Fault::Drip => {
                for piece in rest.chunks(rest.len() / 8 + 1) {
                    stream.write_all(piece).ok()?;
                    sleep(Duration::from_millis(2));
                }
            }
            Fault::Garbage => stream.write_all(b"\x00\xff\r\n?!\r\n\r\n").ok()?,
            Fault::HalfClose => stream.shutdown(Shutdown::Write).ok()?,
            Fault::Close => return None,
            Fault::Stall => {
                stream.set_read_timeout(Some(Duration::from_millis(1500))).ok()?;
                let _ = std::io::Read::read(&mut stream, &mut [0; 1]);
                return None;
            }
            Fault::Reset => {
                reset(stream);
                return None;
            }
        }
        Some(stream)
    }
}

fn answers() -> [Vec<u8>; 4] {
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stream =
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let events: Vec<u8> = (0..20).flat_map(|n| chunk(&format!("data: {n}\n\n"))).collect();
    let until_close = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}";
    [
        ok(&"x".repeat(100_000)),
        [&chunked[..], &chunk(&"y".repeat(1000)), b"0\r\n\r\n"].concat(),
        [&stream[..], &events, b"0\r\n\r\n"].concat(),
        until_close.to_vec(),
    ]
}

/// Serves as each request's own field tells it.
fn scripted(mut stream: TcpStream) {
    let answers = answers();
    while let Some((head, _)) = read_request(&mut stream) {
        let whole = (Step { fault: Fault::None, after: 0 }, usize::MAX);
        let (step, answer) = Step::of(&head).unwrap_or(whole);
        let plain = ok("{}");
        let bytes = answers.get(answer).unwrap_or(&plain);
        match step.send(stream, bytes) {
            Some(kept) if answer < 3 || answer == usize::MAX => stream = kept,
            _ => return,
        }
    }
}

#[test]
fn random_faults_of_both_sides_never_cost_the_next_call_or_leak() {
    let seed = std::env::var("PENSTOCK_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.map_or(1, |now| u64::from(now.subsec_nanos()) ^ now.as_secs())
    });
    println!("PENSTOCK_SEED={seed}");
    let entry = format!(
        "{{ url: \"http://{}/mcp\", idle_timeout: 1s, first_byte_timeout: 500ms, stream_idle_timeout: 1s }}",
        upstream(scripted)
    );
    let limits = "limits: { head_timeout: 500ms, body_timeout: 500ms, write_timeout: 500ms }";
    let penstock = Penstock::with(&entry, limits);
    let mut random = Random(seed);
    simulate(&penstock, &mut random, 30);
    settle(&penstock);
    let (descriptors, resident) = (penstock.descriptors(), penstock.resident_kib());
    simulate(&penstock, &mut random, 300);
    settle(&penstock);
    eventually("every descriptor is closed", || penstock.descriptors() <= descriptors);
    let grown = penstock.resident_kib().saturating_sub(resident);
    assert!(grown < 4 << 10, "{grown} KiB were not given back");
}

/// Runs so many schedules, eight at a time; a good call follows each.
fn simulate(penstock: &Penstock, random: &mut Random, schedules: usize) {
    let plans: Vec<_> = (0..schedules)
        .map(|_| {
            let (ours, theirs) = (Step::random(random), Step::random(random));
            (ours, theirs, random.below(4), random.below(2) == 0)
        })
        .collect();
    let address = penstock.address;
    std::thread::scope(|scope| {
        for lane in plans.chunks(schedules.div_ceil(8)) {
            scope.spawn(move || {
                for plan in lane {
                    let (ours, theirs, answer, modern) = *plan;
                    let request = if modern { modern_call(7) } else { call(7) };
                    let at = find(&request, b"\r\n").expect("a line") + 2;
                    let field = theirs.field(answer);
                    let request = [&request[..at], field.as_bytes(), &request[at..]].concat();
                    let client = Client::connect(address);
                    if let Some(kept) = ours.send(client.stream, &request) {
                        // Bounded by penstock's own timeouts, or by this one where penstock waits
                        // for more of what was cut.
                        let _ = kept.set_read_timeout(Some(Duration::from_secs(2)));
                        let _ = Client::over(kept).answer();
                    }
                    assert_eq!(Client::connect(address).ask(&call(1)).0, 200, "after {plan:?}");
                }
            });
        }
    });
}

/// Waits until what is kept for reuse is closed.
fn settle(penstock: &Penstock) {
    sleep(Duration::from_secs(3));
    assert_eq!(penstock.connect().ask(&call(1)).0, 200);
    sleep(Duration::from_secs(2));
}
