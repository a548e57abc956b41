//! The flags of `mock`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::catalogue::TOOLS_MAX;
use super::latency::Latency;
use super::size::AnswerBytes;
use crate::units;

/// The most threads.
const THREADS_MAX: usize = 1024;
/// The most notifications of progress in a stream.
const PROGRESS_STEPS_MAX: usize = 10_000;

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  penstock-loadtest mock --listen 127.0.0.1:3000
  penstock-loadtest mock --tools 40 --answer-bytes 128:70,4KiB:25,64KiB:5 --latency exp:5ms
  penstock-loadtest mock --error-rate 1% --stream-rate 10% --secret-rate 5% --seed 7

Calls are requests for lists, tools, resources and prompts; rates and latency are of those alone, so
that sessions open and end whatever the rates. What chance decides depends on the seed, the number
of the connection and the number of the call on it: the same calls get the same answers. Rates are
shares, as 0.05 or 5%. It serves until it is killed.")]
pub(crate) struct Mock {
    /// Where to listen; port 0 lets the system choose. The address is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Threads that serve, each with a ring and a listener of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = count::<1, THREADS_MAX>)]
    pub(crate) threads: usize,
    /// How the kernel is asked: by io_uring, or by epoll where that is forbidden.
    #[arg(long, value_enum, value_name = "WHICH", default_value_t = Backend::Auto)]
    pub(crate) backend: Backend,
    /// Of everything random.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,

    /// Tools that are listed beside `echo` and `progress`: `tool_0` and on.
    #[arg(
        long, value_name = "N", default_value_t = 0, value_parser = count::<0, TOOLS_MAX>,
        help_heading = "What it offers"
    )]
    pub(crate) tools: usize,
    /// Refuse to call a tool that is not listed; otherwise any name will do.
    #[arg(long, help_heading = "What it offers")]
    pub(crate) strict_tools: bool,
    /// Ask for the session id of a legacy request: 400 without one, 404 with one that has ended or
    /// never was.
    #[arg(long, help_heading = "What it offers")]
    pub(crate) check_sessions: bool,
    /// Refuse headers that a modern request lacks, or that disagree with its body.
    #[arg(long, help_heading = "What it offers")]
    pub(crate) check_headers: bool,

    /// Bytes of text in an answer, as it stands in the JSON: 4096, 512..65536, or
    /// 128:70,4KiB:25,64KiB:5 with weights.
    #[arg(
        long, value_name = "SIZES", default_value = "128", value_parser = AnswerBytes::parse,
        help_heading = "What it answers"
    )]
    pub(crate) answer_bytes: AnswerBytes,
    /// What answers say: the start of this file's text, which begins again where it is too short. Without it,
    /// prose and records from the seed.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "secret_rate",
        help_heading = "What it answers"
    )]
    pub(crate) text: Option<PathBuf>,
    /// Answers that hold a secret or personal data, made up and in the form of real ones.
    #[arg(
        long, value_name = "SHARE", default_value = "0", value_parser = units::share,
        help_heading = "What it answers"
    )]
    pub(crate) secret_rate: f64,
    /// Answers of tools that are sent as an event stream. One who asks for progress always gets
    /// one.
    #[arg(
        long, value_name = "SHARE", default_value = "0", value_parser = units::share,
        help_heading = "What it answers"
    )]
    pub(crate) stream_rate: f64,
    /// Notifications of progress in a stream, before the result.
    #[arg(
        long, value_name = "N", default_value_t = 3, value_parser = count::<0, PROGRESS_STEPS_MAX>,
        help_heading = "What it answers"
    )]
    pub(crate) progress_steps: usize,
    /// Time from one of them to the next.
    #[arg(
        long, value_name = "TIME", default_value = "0ms", value_parser = units::duration,
        help_heading = "What it answers"
    )]
    pub(crate) progress_every: Duration,
    /// Time between the events on a GET stream or a subscription; without it they are silent.
    #[arg(
        long, value_name = "TIME", value_parser = event_every, help_heading = "What it answers"
    )]
    pub(crate) event_every: Option<Duration>,

    /// Time before the answer of a call: 5ms, 1ms..20ms, exp:5ms or lognormal:p50=5ms,p99=80ms.
    /// Rounded up to whole milliseconds.
    #[arg(
        long, value_name = "TIMES", value_parser = Latency::parse,
        help_heading = "How it fails and delays"
    )]
    pub(crate) latency: Option<Latency>,
    /// Calls that are answered with a JSON-RPC error, -32603.
    #[arg(
        long, value_name = "SHARE", default_value = "0", value_parser = units::share,
        help_heading = "How it fails and delays"
    )]
    pub(crate) error_rate: f64,
    /// Calls of tools whose result says `isError`.
    #[arg(
        long, value_name = "SHARE", default_value = "0", value_parser = units::share,
        help_heading = "How it fails and delays"
    )]
    pub(crate) tool_error_rate: f64,
    /// Calls that are answered with HTTP 503.
    #[arg(
        long, value_name = "SHARE", default_value = "0", value_parser = units::share,
        help_heading = "How it fails and delays"
    )]
    pub(crate) http_error_rate: f64,
}

#[cfg(test)]
impl Mock {
    /// As the command line would give it.
    pub(crate) fn from_flags(flags: &[&str]) -> Self {
        let command = Self::augment_args(clap::Command::new("mock").no_binary_name(true));
        let matches = command.try_get_matches_from(flags).unwrap();
        <Self as clap::FromArgMatches>::from_arg_matches(&matches).unwrap()
    }
}

/// How the kernel is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Backend {
    /// io_uring, or epoll where it is forbidden.
    Auto,
    /// io_uring or nothing.
    IoUring,
    /// epoll.
    Epoll,
}

fn count<const MIN: usize, const MAX: usize>(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
    number.ok_or_else(|| format!("write a whole number from {MIN} to {MAX}"))
}

fn event_every(text: &str) -> Result<Duration, String> {
    let every = units::duration(text)?;
    if every.is_zero() { Err("events have to be some time apart".into()) } else { Ok(every) }
}
