//! What a run is doing, twice a second: two lines that are redrawn on a terminal, one now and then
//! in a log.

use std::env;
use std::io::{self, IsTerminal, Write};

use terminal_size::{Height, Width};

use crate::report::units::{Unit, count, latency, real, seconds};
use crate::terminal::{clean, is_dumb, shortened};

/// In a log, a line this often.
const LOGGED_EVERY_SECONDS: f64 = 10.0;
/// Of a terminal that does not say.
const COLUMNS: usize = 80;
const BAR_CHARS: usize = 20;

/// What is known of a run at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    pub(crate) phase: Phase,
    /// Since the load began, and how long it will last; a search does not know.
    pub(crate) elapsed_seconds: f64,
    pub(crate) planned_seconds: Option<f64>,
    /// What is offered at this moment; a closed loop offers what is taken.
    pub(crate) offered_per_second: Option<f64>,
    /// Of the calls that ended lately.
    pub(crate) succeeded_per_second: f64,
    pub(crate) failed_per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Calls due and not answered, and streams that are open.
    pub(crate) in_flight: u64,
    pub(crate) streams: u64,
    /// Of all that was measured so far.
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// What failed most, and how often.
    pub(crate) failing: Option<(String, u64)>,
    /// Of the busiest thread's time, 0 to 1.
    pub(crate) harness_busy: f64,
    /// Of the watched process: cores, and resident bytes.
    pub(crate) process: Option<(f64, u64)>,
    /// Of a search or of a stepped rate, which step this is, from 1.
    pub(crate) step: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Phase {
    #[default]
    SetUp,
    WarmUp,
    Measuring,
    /// Nothing is sent any more; answers are waited for.
    Draining,
}

/// Where progress is shown.
#[derive(Debug)]
pub(crate) struct Progress<W: Write> {
    to: W,
    way: Way,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Nothing,
    /// A line every ten seconds, the next one at this second.
    Log {
        next: f64,
    },
    /// Lines that stand there now, and the width that they must keep to.
    Terminal {
        drawn: usize,
        columns: fn() -> usize,
    },
}

impl Way {
    /// Drawing takes a terminal that moves its cursor.
    fn of(quiet: bool, draws: bool) -> Self {
        match (quiet, draws) {
            (true, _) => Self::Nothing,
            (false, true) => Self::Terminal { drawn: 0, columns: columns_of_stderr },
            (false, false) => Self::Log { next: LOGGED_EVERY_SECONDS },
        }
    }
}

impl Progress<io::Stderr> {
    /// On stderr, in the way that suits it; notes alone if `quiet`.
    pub(crate) fn on_stderr(quiet: bool) -> Self {
        let draws = io::stderr().is_terminal() && !is_dumb(env::var_os("TERM").as_deref());
        Self { to: io::stderr(), way: Way::of(quiet, draws) }
    }
}

impl<W: Write> Progress<W> {
    /// Shows how things stand, if it is time to.
    pub(crate) fn show(&mut self, now: &Snapshot) {
        let drawn = match &mut self.way {
            Way::Nothing => return,
            Way::Log { next } if now.elapsed_seconds < *next => return,
            Way::Log { next } => {
                *next = now.elapsed_seconds + LOGGED_EVERY_SECONDS;
                let line = format!("{}: {}; {}", where_it_is(now), how_it_goes(now), so_far(now));
                format!("{}\n", clean(&line))
            }
            Way::Terminal { drawn, columns } => {
                let columns = columns();
                let first = format!("{}{}: {}", bar(now), where_it_is(now), how_it_goes(now));
                let lines = [first, format!("  {}", so_far(now))];
                let again = erased(*drawn);
                *drawn = lines.len();
                let lines: String = lines.iter().map(|line| cut(line, columns) + "\n").collect();
                again + &lines
            }
        };
        self.write(&drawn);
    }

    /// A line that stays, above what is redrawn: no progress, and so `quiet` leaves it.
    pub(crate) fn note(&mut self, text: &str) {
        let again = match &mut self.way {
            Way::Nothing | Way::Log { .. } => String::new(),
            Way::Terminal { drawn, .. } => erased(std::mem::take(drawn)),
        };
        self.write(&format!("{again}{}\n", clean(text)));
    }

    /// Takes away what is redrawn: the report follows.
    pub(crate) fn finish(&mut self) {
        if let Way::Terminal { drawn, .. } = &mut self.way {
            let again = erased(std::mem::take(drawn));
            self.write(&again);
        }
    }

    /// A terminal that has gone away sees nothing; the run goes on.
    fn write(&mut self, text: &str) {
        let _ = self.to.write_all(text.as_bytes()).and_then(|()| self.to.flush());
    }
}

/// Goes up so many lines, and erases all below.
fn erased(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r\x1b[J") }
}

/// A line that wrapped would be two, and one of them would stay.
fn cut(line: &str, columns: usize) -> String {
    let narrow = |c| if may_be_wide(c) { '?' } else { c };
    let narrowed: String = clean(line).chars().map(narrow).collect();
    shortened(&narrowed, columns.saturating_sub(1)).into_owned()
}

/// From Hangul on, characters can take two columns (UAX #11). Punctuation does not.
fn may_be_wide(c: char) -> bool {
    c >= '\u{1100}' && !matches!(c, '\u{2010}'..='\u{2027}')
}

fn columns_of_stderr() -> usize {
    match terminal_size::terminal_size_of(io::stderr()) {
        Some((Width(columns), Height(_))) if columns > 0 => usize::from(columns),
        _ => COLUMNS,
    }
}

/// Nothing where nobody knows how long it takes.
fn bar(now: &Snapshot) -> String {
    let Some(planned) = now.planned_seconds.filter(|planned| *planned > 0.0) else {
        return String::new();
    };
    let done = now.elapsed_seconds / planned;
    let is_done = |place: usize| (real(place as u64) + 0.5) / real(BAR_CHARS as u64) <= done;
    let places = (0..BAR_CHARS).map(|place| if is_done(place) { '#' } else { '-' });
    format!("[{}] ", places.collect::<String>())
}

/// `warm-up, step 2, 12 s of 1 min`.
fn where_it_is(now: &Snapshot) -> String {
    let phase = match now.phase {
        Phase::SetUp => Some("set-up".to_owned()),
        Phase::WarmUp => Some("warm-up".to_owned()),
        Phase::Measuring => None,
        Phase::Draining => Some("waiting for answers".to_owned()),
    };
    let step = now.step.map(|step| format!("step {step}"));
    let elapsed = seconds(now.elapsed_seconds.floor());
    let time = match now.planned_seconds {
        Some(planned) => format!("{elapsed} of {}", seconds(planned)),
        None => elapsed,
    };
    let parts: Vec<String> = phase.into_iter().chain(step).chain([time]).collect();
    parts.join(", ")
}

/// `1,998/s of 2,000/s, p50 412 µs, p99 1.43 ms, 3 in flight`.
fn how_it_goes(now: &Snapshot) -> String {
    let mut rate = Unit::PerSecond.show(now.succeeded_per_second.round());
    if let Some(offered) = now.offered_per_second {
        rate.push_str(&format!(" of {}", Unit::PerSecond.show(offered.round())));
    }
    let mut parts = vec![
        rate,
        format!("p50 {}", latency(now.p50_us)),
        format!("p99 {}", latency(now.p99_us)),
        format!("{} in flight", count(now.in_flight)),
    ];
    if now.failed_per_second > 0.0 {
        parts.push(format!("{} failing", Unit::PerSecond.show(now.failed_per_second)));
    }
    if now.streams > 0 {
        parts.push(format!("{} streams", count(now.streams)));
    }
    parts.join(", ")
}

/// `119,985 succeeded, 12 failed (9 HTTP 503), harness 31 %, process 0.62 cores and 19.0 MiB`.
fn so_far(now: &Snapshot) -> String {
    let mut failed = format!("{} failed", count(now.failed));
    if let Some((what, times)) = &now.failing {
        failed.push_str(&format!(" ({} {what})", count(*times)));
    }
    let mut parts = vec![
        format!("{} succeeded", count(now.succeeded)),
        failed,
        format!("harness {:.0} %", now.harness_busy * 100.0),
    ];
    if let Some((cores, resident)) = now.process {
        let resident = Unit::Bytes.show(real(resident));
        parts.push(format!("process {} cores and {resident}", Unit::Cores.show(cores)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: f64) -> Snapshot {
        Snapshot {
            phase: Phase::Measuring,
            elapsed_seconds: second,
            planned_seconds: Some(40.0),
            offered_per_second: Some(2000.0),
            succeeded_per_second: 1998.4,
            failed_per_second: 0.0,
            p50_us: 412.0,
            p99_us: 1430.0,
            in_flight: 3,
            streams: 16,
            succeeded: 19_988,
            failed: 12,
            failing: Some(("HTTP 503".to_owned(), 9)),
            harness_busy: 0.31,
            process: Some((0.62, 19 << 20)),
            step: Some(2),
        }
    }

    fn shown(way: Way, act: impl FnOnce(&mut Progress<&mut Vec<u8>>)) -> String {
        let mut written = Vec::new();
        act(&mut Progress { to: &mut written, way });
        String::from_utf8(written).unwrap()
    }

    const TERMINAL: Way = Way::Terminal { drawn: 0, columns: || 120 };
    const LOG: Way = Way::Log { next: LOGGED_EVERY_SECONDS };

    #[test]
    fn two_lines_are_drawn_and_drawn_over() {
        let text = shown(TERMINAL, |progress| {
            progress.show(&at(10.0));
            progress.show(&at(20.4));
            progress.finish();
        });
        let rate = "1,998/s of 2,000/s, p50 412 µs, p99 1.43 ms, 3 in flight, 16 streams\n";
        let sum = "  19,988 succeeded, 12 failed (9 HTTP 503), harness 31 %, process 0.62 cores \
                   and 19.0 MiB\n";
        let again = "\x1b[2A\r\x1b[J";
        let expected = format!(
            "[#####---------------] step 2, 10 s of 40 s: {rate}{sum}{again}\
             [##########----------] step 2, 20 s of 40 s: {rate}{sum}{again}"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [|| 0, || 1, || 20, || 60] {
            let way = Way::Terminal { drawn: 0, columns };
            let text = shown(way, |progress| progress.show(&at(10.0)));
            assert!(text.lines().all(|line| line.chars().count() <= columns()), "{text}");
            assert_eq!(text.matches('\n').count(), 2);
        }
    }

    #[test]
    fn a_log_has_a_line_every_ten_seconds_and_no_escape() {
        let text = shown(LOG, |progress| {
            (0..=80).for_each(|half| progress.show(&at(f64::from(half) / 2.0)));
            progress.finish();
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert!(lines[0].starts_with("step 2, 10 s of 40 s: 1,998/s of 2,000/s, p50"), "{text}");
        assert!(lines[0].contains("; 19,988 succeeded, 12 failed"), "{text}");
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn wide_characters_make_no_line_wider() {
        let now = Snapshot { failing: Some(("エラー 🛑".to_owned(), 1)), ..at(10.0) };
        let text = shown(TERMINAL, |progress| progress.show(&now));
        assert!(text.contains("(1 ??? ?)") && text.contains("p50 412 µs"), "{text}");
    }

    #[test]
    fn quiet_shows_no_progress_and_what_has_to_be_known() {
        let text = shown(Way::of(true, true), |progress| {
            progress.show(&at(10.0));
            progress.note("note");
            progress.finish();
        });
        assert_eq!(text, "note\n");
    }

    #[test]
    fn what_cannot_draw_is_logged_to() {
        assert!(matches!(Way::of(false, true), Way::Terminal { .. }));
        assert!(matches!(Way::of(false, false), Way::Log { .. }));
        for quiet_of in [true, false] {
            assert!(matches!(Way::of(true, quiet_of), Way::Nothing));
        }
    }

    #[test]
    fn a_note_stays_above() {
        let text = shown(TERMINAL, |progress| {
            progress.show(&at(10.0));
            progress.note("the process is gone");
            progress.show(&at(11.0));
        });
        let (_, after) = text.split_once("\x1b[2A\r\x1b[J").unwrap();
        assert!(after.starts_with("the process is gone\n["), "{after:?}");
        assert_eq!(text.matches('\x1b').count(), 2, "those that take the two lines away");
    }

    #[test]
    fn nothing_from_outside_steers_the_terminal() {
        let hostile = "gone\x1b[2J\r\n\u{9b}2J\u{202e}again";
        let now = Snapshot { failing: Some((hostile.to_owned(), 1)), ..at(10.0) };
        for way in [TERMINAL, LOG] {
            let text = shown(way, |progress| {
                progress.show(&now);
                progress.note(hostile);
            });
            let again = if matches!(way, Way::Log { .. }) { "" } else { "\x1b[2A\r\x1b[J" };
            let text = text.replacen(again, "", 1);
            let harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!text.contains(harmful), "{text:?}");
            let lines = if matches!(way, Way::Log { .. }) { 2 } else { 3 };
            assert_eq!(text.matches('\n').count(), lines, "{text:?}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_shown() {
        let now = Snapshot {
            phase: Phase::WarmUp,
            elapsed_seconds: 3.0,
            succeeded_per_second: 7.0,
            ..Snapshot::default()
        };
        let text = shown(TERMINAL, |progress| progress.show(&now));
        let expected = "warm-up, 3 s: 7/s, p50 –, p99 –, 0 in flight\n  0 succeeded, 0 failed, \
                        harness 0 %\n";
        assert_eq!(text, expected);
    }
}
