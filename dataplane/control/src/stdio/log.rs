//! What a child writes that is not for its clients, in penstock's log: escaped, cut and at a bounded
//! rate.

use std::time::Instant;

use tokio::process::ChildStderr;

use super::lines::{Line, Lines};

/// Bytes of a line that are logged.
pub(crate) const LOGGED_BYTES_MAX: usize = 4 << 10;
/// Lines a child may log at once, and in a second thereafter.
pub(crate) const BURST_LINES: f64 = 200.0;
pub(crate) const LINES_PER_SECOND: f64 = 20.0;

/// Reads a child's stderr to its end; what is over the rate is read all the same, so that the child
/// never waits for it.
pub(crate) async fn log_stderr(upstream: String, stderr: ChildStderr) {
    let mut lines = Lines::new(stderr, LOGGED_BYTES_MAX);
    let mut rate = Rate::new(Instant::now());
    loop {
        let (text, cut) = match lines.next().await {
            Line::Text(text) => (text, ""),
            Line::TooLong(text) => (text, "…"),
            Line::End => break,
        };
        let Some(suppressed) = rate.admit(Instant::now()) else { continue };
        if suppressed > 0 {
            tracing::warn!(target: "penstock::stderr", upstream, suppressed, "lines were left out");
        }
        tracing::info!(target: "penstock::stderr", upstream, "{}{cut}", escaped(&text));
    }
    if rate.suppressed > 0 {
        let suppressed = rate.suppressed;
        tracing::warn!(target: "penstock::stderr", upstream, suppressed, "lines were left out");
    }
}

/// A token bucket.
pub(crate) struct Rate {
    tokens: f64,
    at: Instant,
    suppressed: u64,
}

impl Rate {
    pub(crate) fn new(now: Instant) -> Self {
        Self { tokens: BURST_LINES, at: now, suppressed: 0 }
    }

    /// `Some` with how many were left out before, where this one may be logged.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        let elapsed = now.duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + elapsed * LINES_PER_SECOND).min(BURST_LINES);
        self.at = now;
        if self.tokens < 1.0 {
            self.suppressed += 1;
            return None;
        }
        self.tokens -= 1.0;
        Some(std::mem::take(&mut self.suppressed))
    }
}

/// Text that cannot move a terminal's cursor, begin a line of its own or turn the reading direction.
pub(crate) fn escaped(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for c in String::from_utf8_lossy(text).chars() {
        let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
        if (c.is_control() && c != '\t') || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_child_cannot_write_control_characters_to_the_log() {
        assert_eq!(escaped(b"a\x1b[2Jb\rc\xff"), "a\\u{1b}[2Jb\\rc\u{fffd}");
        assert_eq!(escaped("\u{202e}x".as_bytes()), "\\u{202e}x");
    }

    #[test]
    fn a_flood_is_cut_to_the_rate_and_counted() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        let logged = (0..1000).filter(|_| rate.admit(start).is_some()).count();
        assert_eq!(logged, 200);
        assert_eq!(rate.admit(start + Duration::from_secs(1)), Some(800));
    }
}
