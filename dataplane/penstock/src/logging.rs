//! The process's own log: tracing events as lines on stderr.

use penstock_config::{Log, LogFormat, LogLevel};
use tracing_subscriber::filter::LevelFilter;

use crate::terminal::Paint;

/// Sends this process's events to stderr from here on. A second call changes nothing.
pub(crate) fn init(log: &Log, paint: Paint) {
    let level = match log.level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
    };
    let lines = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .with_ansi(paint.is_on());
    // It fails only where a subscriber is set already: that one goes on.
    let _ = match log.format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
}
