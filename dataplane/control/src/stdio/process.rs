//! One child process, from its start until nothing of its group is left.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use penstock_config::CommandTarget;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process_group, test_kill_process_group, waitid,
};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::guard::Guard;
use super::lines::{Line, Lines};
use super::log::{Rate, escaped, log_stderr};
use crate::exchange::Outgoing;
use crate::link::{Closer, Closing, Duplex, INCOMING_QUEUE, Incoming, OUTGOING_QUEUE};
use crate::metrics::Metrics;
use crate::wire::on_one_line;

/// What a child inherits of penstock's environment.
pub(crate) const INHERITED: [&str; 4] = ["PATH", "HOME", "LANG", "TMPDIR"];
/// How long a child may take to end once its stdin is closed, before SIGTERM.
pub(crate) const STDIN_GRACE: Duration = Duration::from_secs(2);
/// How long after SIGTERM before SIGKILL.
pub(crate) const TERM_GRACE: Duration = Duration::from_secs(3);
/// How long what a dead child started may take to end after SIGTERM.
const ORPHAN_GRACE: Duration = Duration::from_millis(500);
/// How long after a child's death its last words are waited for: something it started may hold the
/// pipe open.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What all children share.
pub(crate) struct Nursery {
    /// Penstock's environment, of which [`INHERITED`] is passed on.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) guard: Guard,
    pub(crate) metrics: Arc<Metrics>,
    /// How many children live.
    pub(crate) alive: watch::Sender<usize>,
}

/// How a child ended without being asked to.
pub(crate) struct Obituary {
    pub(crate) reason: String,
    pub(crate) lived: Duration,
}

/// Starts a child. `mourn` hears of a death that nobody asked for.
pub(crate) fn start(
    upstream: &str,
    target: &CommandTarget,
    nursery: &Arc<Nursery>,
    slot: OwnedSemaphorePermit,
    mourn: impl FnOnce(Obituary) + Send + 'static,
) -> std::io::Result<Duplex> {
    let mut command = Command::new(&target.program);
    command
        .args(&target.args)
        .env_clear()
        .envs(
            nursery
                .environment
                .iter()
                .filter(|(name, _)| name.to_str().is_some_and(|name| INHERITED.contains(&name)))
                .cloned(),
        )
        .envs(target.env.iter().map(|(name, value)| (name, value.expose())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    if let Some(directory) = &target.directory {
        command.current_dir(directory);
    }
    // Listened to from before there is a child: no death is missed.
    let children = signal(SignalKind::child())?;
    let mut child = command.spawn()?;
    let parts = (child.id(), child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(id), Some(stdin), Some(stdout), Some(stderr)) = parts else {
        return Err(std::io::Error::other("the child has no id or pipes"));
    };
    nursery.guard.add(id);
    nursery.metrics.children_started.inc();
    nursery.metrics.children.inc();
    nursery.alive.send_modify(|alive| *alive += 1);
    tracing::info!(upstream, pid = id, "started `{}`", target.program);

    let (outgoing, to_write) = mpsc::channel(OUTGOING_QUEUE);
    let (incoming_in, incoming) = mpsc::channel(INCOMING_QUEUE);
    let (closer, closing) = Closer::new();
    let (verdict_in, verdict) = oneshot::channel();
    tokio::spawn(write(stdin, to_write, closing.clone()));
    tokio::spawn(log_stderr(upstream.into(), stderr));
    let reading = tokio::spawn(read(
        upstream.to_owned(),
        Lines::new(stdout, target.line_bytes_max),
        incoming_in.clone(),
        verdict_in,
    ));
    let group = i32::try_from(id).ok().and_then(Pid::from_raw);
    let exit = Exit { pid: group, children };
    let life = Life {
        upstream: upstream.into(),
        program: target.program.clone(),
        line_bytes_max: target.line_bytes_max,
        child,
        group,
        id,
        born: Instant::now(),
        nursery: Arc::clone(nursery),
        buried: false,
        _slot: slot,
    };
    let closer_of_life = closer.clone();
    tokio::spawn(async move {
        let (reason, asked, lived) =
            life.run(exit, closing, verdict, reading, &closer_of_life).await;
        if !asked {
            mourn(Obituary { reason: reason.clone(), lived });
        }
        // The link may be gone already; then nobody needs to know.
        let _ = incoming_in.send(Incoming::Ended(reason)).await;
    });
    Ok(Duplex { outgoing, incoming, closer, place: None })
}

/// Why a child's stdout is of no more use.
enum Verdict {
    Closed,
    TooLong,
}

struct Life {
    upstream: String,
    program: String,
    line_bytes_max: usize,
    child: Child,
    id: u32,
    group: Option<Pid>,
    born: Instant,
    nursery: Arc<Nursery>,
    buried: bool,
    _slot: OwnedSemaphorePermit,
}

impl Life {
    /// Returns why it ended, whether that was asked for, and how long it lived.
    async fn run(
        mut self,
        mut exit: Exit,
        mut closing: Closing,
        verdict: oneshot::Receiver<Verdict>,
        mut reading: tokio::task::JoinHandle<()>,
        closer: &Closer,
    ) -> (String, bool, Duration) {
        let name = format!("`{}` of upstream `{}`", self.program, self.upstream);
        let mut asked = false;
        let cause = tokio::select! {
            () = exit.wait() => None,
            () = closing.asked() => {
                asked = true;
                Some(format!("{name} was ended"))
            }
            verdict = verdict => match verdict {
                Ok(Verdict::TooLong) => Some(format!(
                    "{name} wrote a line of more than {} bytes and was ended; raise `line_bytes` if it may",
                    self.line_bytes_max
                )),
                // At its death too; then it has an exit status to tell of in a moment.
                _ => match timeout(LAST_WORDS, exit.wait()).await {
                    Ok(()) => None,
                    Err(_) => Some(format!("{name} closed its stdout and was ended")),
                },
            },
        };
        let lived = self.born.elapsed();
        closer.close();
        if cause.is_some() {
            self.terminate(&mut exit).await;
        } else {
            // What it said before it died is in the pipe.
            let _ = timeout(LAST_WORDS, &mut reading).await;
        }
        let status = self.bury().await;
        reading.abort();
        let reason =
            cause.unwrap_or_else(|| format!("{name} {}; its session is over", fate(status)));
        if asked {
            tracing::info!(upstream = self.upstream, pid = self.id, "ended, {}", fate(status));
        } else {
            self.nursery.metrics.children_died.inc();
            tracing::warn!(upstream = self.upstream, pid = self.id, "{reason}");
        }
        (reason, asked, lived)
    }

    /// Its stdin is closed; then SIGTERM, then SIGKILL, to the whole group.
    async fn terminate(&mut self, exit: &mut Exit) {
        if timeout(STDIN_GRACE, exit.wait()).await.is_ok() {
            return;
        }
        self.signal(Signal::TERM);
        if timeout(TERM_GRACE, exit.wait()).await.is_err() {
            tracing::warn!(upstream = self.upstream, pid = self.id, "ignored SIGTERM; killed");
            self.signal(Signal::KILL);
        }
    }

    /// Reaps it and ends what is left of its group. Until it is reaped its id cannot be another's,
    /// and while a member of the group lives neither can the group's.
    async fn bury(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::TERM);
        let status = self.child.wait().await.ok();
        let deadline = Instant::now() + ORPHAN_GRACE;
        while let Some(group) = self.group
            && test_kill_process_group(group).is_ok()
        {
            if Instant::now() >= deadline {
                self.signal(Signal::KILL);
                break;
            }
            sleep(Duration::from_millis(10)).await;
        }
        self.buried = true;
        status
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // An error means that the group is gone, which is what was wanted.
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if !self.buried {
            self.signal(Signal::KILL);
        }
        self.nursery.guard.remove(self.id);
        self.nursery.metrics.children.dec();
        self.nursery.alive.send_modify(|alive| *alive = alive.saturating_sub(1));
    }
}

/// Tells that a child has ended without reaping it: until it is reaped, its id is nobody else's.
struct Exit {
    pid: Option<Pid>,
    children: tokio::signal::unix::Signal,
}

impl Exit {
    async fn wait(&mut self) {
        let Some(pid) = self.pid else { return };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        // An error means that there is no such child any more.
        while let Ok(None) = waitid(WaitId::Pid(pid), look) {
            self.children.recv().await;
        }
    }
}

async fn write(
    mut stdin: ChildStdin,
    mut outgoing: mpsc::Receiver<Outgoing>,
    mut closing: Closing,
) {
    let writing = async {
        while let Some(message) = outgoing.recv().await {
            let mut line = on_one_line(&message.text).to_vec();
            line.push(b'\n');
            // A child that closed its stdin is about to be noticed otherwise.
            if stdin.write_all(&line).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = writing => closing.asked().await,
        () = closing.asked() => {}
    }
}

async fn read(
    upstream: String,
    mut lines: Lines<ChildStdout>,
    incoming: mpsc::Sender<Incoming>,
    verdict: oneshot::Sender<Verdict>,
) {
    let mut verdict = Some(verdict);
    let mut judge = |what| {
        if let Some(verdict) = verdict.take() {
            let _ = verdict.send(what);
        }
    };
    let mut rate = Rate::new(Instant::now());
    loop {
        match lines.next().await {
            Line::Text(text) if looks_like_json(&text) => {
                // Nobody listens any more: read on, so that the child can end.
                let _ = incoming.send(Incoming::Text(text)).await;
            }
            Line::Text(text) => {
                if !text.trim_ascii().is_empty() && rate.admit(Instant::now()).is_some() {
                    let shown = escaped(text.get(..text.len().min(256)).unwrap_or_default());
                    tracing::warn!(upstream, "skipped a line on stdout that is not JSON: {shown}");
                }
            }
            Line::TooLong(_) => judge(Verdict::TooLong),
            Line::End => {
                judge(Verdict::Closed);
                return;
            }
        }
    }
}

fn looks_like_json(line: &Bytes) -> bool {
    matches!(line.trim_ascii_start().first(), Some(b'{' | b'['))
}

/// `exited with status 1`, `was killed by signal 11 (SIGSEGV)`.
fn fate(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "is gone".into() };
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with status {code}"),
        (None, Some(signal)) => {
            let name = match signal {
                1 => "SIGHUP",
                2 => "SIGINT",
                3 => "SIGQUIT",
                4 => "SIGILL",
                6 => "SIGABRT",
                7 => "SIGBUS",
                8 => "SIGFPE",
                9 => "SIGKILL",
                11 => "SIGSEGV",
                13 => "SIGPIPE",
                15 => "SIGTERM",
                31 => "SIGSYS",
                _ => return format!("was killed by signal {signal}"),
            };
            format!("was killed by signal {signal} ({name})")
        }
        (None, None) => "is gone".into(),
    }
}
