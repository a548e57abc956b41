//! The process's own log: tracing events as lines on stderr, written by a thread of their own.

use penstock_config::{Log, LogFormat, LogLevel};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;

use crate::terminal::Paint;

/// Lines that wait to be written. What comes while nobody reads stderr is lost, and counted: a log
/// must not stop what it tells of.
const LINES_MAX: usize = 8192;

/// The log; what waits is written when it is dropped, unless nobody reads.
pub(crate) struct Logging {
    lost: ErrorCounter,
    _writing: WorkerGuard,
}

impl Logging {
    /// Counts the lines that were lost.
    pub(crate) fn lost(&self) -> ErrorCounter {
        self.lost.clone()
    }
}

/// Sends this process's events to stderr from here on. A second call changes nothing.
pub(crate) fn init(log: &Log, paint: Paint) -> Logging {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let (writer, writing) = NonBlockingBuilder::default()
        .buffered_lines_limit(LINES_MAX)
        .lossy(true)
        .thread_name("penstock-log")
        .finish(std::io::stderr());
    let lost = writer.error_counter();
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(writer)
        .with_ansi(paint.is_on())
        .log_internal_errors(false);
    // It fails only where a subscriber is set already: that one goes on.
    let _ = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Logging { lost, _writing: writing }
}
