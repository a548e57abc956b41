//! What is told from inside the agent's namespaces to the launching process: one packet a report.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, pipe_with};

/// Of a report, text included; below `PIPE_BUF`, so that one is written whole.
const BYTES_MAX: usize = 4096;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// A step before exec failed, for this reason.
    Failed(String),
    /// exec failed, with this error number.
    Exec(i32),
    /// The command ended with this status.
    Exited(i32),
    /// The command was ended by this signal.
    Killed(i32),
    /// The command was stopped by this signal.
    Stopped(i32),
}

pub(super) fn channel() -> io::Result<(Reports, Reporter)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::DIRECT)?;
    Ok((Reports(reader), Reporter(writer)))
}

pub(super) struct Reporter(OwnedFd);

impl Reporter {
    pub(super) fn say(&self, report: &Report) {
        let (kind, number, text) = match report {
            Report::Failed(text) => (0, 0, text.as_str()),
            Report::Exec(error) => (1, *error, ""),
            Report::Exited(status) => (2, *status, ""),
            Report::Killed(signal) => (3, *signal, ""),
            Report::Stopped(signal) => (4, *signal, ""),
        };
        let mut packet = vec![kind];
        packet.extend(number.to_le_bytes());
        packet.extend(text.bytes());
        packet.truncate(BYTES_MAX);
        // Nobody reads any more: then this process is about to be killed.
        let _ = rustix::io::write(&self.0, &packet);
    }

    /// Whether the launching process is gone.
    pub(super) fn unheard(&self) -> bool {
        let mut watched = [rustix::event::PollFd::new(&self.0, rustix::event::PollFlags::empty())];
        let polled = rustix::event::poll(&mut watched, Some(&rustix::event::Timespec::default()));
        polled.is_err() || watched[0].revents().contains(rustix::event::PollFlags::ERR)
    }

    /// Its number, which is the only one above 2 that must stay open until exec.
    pub(super) fn number(&self) -> u32 {
        self.0.as_raw_fd().cast_unsigned()
    }
}

pub(super) struct Reports(OwnedFd);

impl Reports {
    /// The next; none once all who could report are gone.
    pub(super) fn next(&self) -> io::Result<Option<Report>> {
        let mut packet = [0; BYTES_MAX];
        let read = rustix::io::read(&self.0, &mut packet)?;
        let Some((&kind, rest)) = packet.get(..read).and_then(<[u8]>::split_first) else {
            return Ok(None);
        };
        let Some((number, text)) = rest.split_first_chunk() else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let number = i32::from_le_bytes(*number);
        Ok(Some(match kind {
            0 => Report::Failed(String::from_utf8_lossy(text).into_owned()),
            1 => Report::Exec(number),
            2 => Report::Exited(number),
            3 => Report::Killed(number),
            4 => Report::Stopped(number),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }))
    }
}

impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_arrive_one_by_one_and_end_with_their_sender() {
        let (reports, reporter) = channel().expect("a pipe");
        let sent = [
            Report::Failed("no".into()),
            Report::Exec(2),
            Report::Stopped(20),
            Report::Killed(9),
            Report::Exited(255),
        ];
        for report in &sent {
            reporter.say(report);
        }
        assert!(!reporter.unheard());
        drop(reporter);
        for report in sent {
            assert_eq!(reports.next().expect("read"), Some(report));
        }
        assert_eq!(reports.next().expect("read"), None);
    }

    #[test]
    fn a_reporter_knows_when_nobody_listens() {
        let (reports, reporter) = channel().expect("a pipe");
        drop(reports);
        assert!(reporter.unheard());
    }
}
