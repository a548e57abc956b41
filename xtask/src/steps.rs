//! Named steps with their progress and times.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

const POLL: Duration = Duration::from_millis(50);

/// A run of steps; remembers how long each one took.
pub(crate) struct Steps {
    started: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), done: Vec::new() }
    }

    /// Runs one step and prints its name before and its time after.
    pub(crate) fn step<T>(&mut self, name: &str, run: impl FnOnce() -> Result<T>) -> Result<T> {
        println!("▸ {name}");
        let started = Instant::now();
        let result = run();
        let took = started.elapsed();
        self.done.push((name.to_owned(), took));
        let mark = if result.is_ok() { '✓' } else { '✗' };
        println!("{mark} {name}  {}", seconds(took));
        result.with_context(|| format!("step `{name}` failed"))
    }

    /// Prints the time of every step and of all together.
    pub(crate) fn report(&self) {
        println!("\nTime by step:");
        for (name, took) in &self.done {
            println!("  {:<14} {:>9}", name, seconds(*took));
        }
        println!("  {:<14} {:>9}", "total", seconds(self.started.elapsed()));
    }
}

pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// Runs a command whose output the user sees.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{} could not be started", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command for what it writes to stdout; the user sees the rest.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{} could not be started", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first words of a command, for messages.
fn shown(command: &Command) -> String {
    let mut words = vec![format!("`{}", command.get_program().display())];
    words.extend(command.get_args().take(6).map(|word| word.display().to_string()));
    words.join(" ") + "`"
}

/// Runs a command with its output appended to `log`, showing a line of progress meanwhile; ends it
/// after `limit`.
pub(crate) fn logged(
    command: &mut Command,
    label: &str,
    log: &Path,
    limit: Duration,
) -> Result<ExitStatus> {
    let file = append(log)?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .spawn()
        .with_context(|| format!("{} could not be started", shown(command)))?;
    let started = Instant::now();
    let mut progress = Progress::new(label);
    loop {
        if let Some(status) = child.try_wait()? {
            progress.clear();
            return Ok(status);
        }
        if started.elapsed() > limit {
            progress.clear();
            end(&mut child);
            bail!("{} was still running after {} and was ended", shown(command), seconds(limit));
        }
        progress.show(started.elapsed(), log);
        sleep(POLL);
    }
}

fn end(child: &mut Child) {
    // Failing here means that it has ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

/// Opens a log for appending; makes its folder where missing.
pub(crate) fn append(log: &Path) -> Result<File> {
    if let Some(dir) = log.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("cannot write {}", log.display()))
}

/// The last bytes of a log, from the start of a line.
pub(crate) fn tail(log: &Path, bytes: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(bytes);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(match text.split_once('\n') {
            Some((_, whole_lines)) if from > 0 => whole_lines.to_owned(),
            _ => text,
        })
    };
    read().unwrap_or_default()
}

/// One line that says what is going on: rewritten on a terminal, else printed now and then.
struct Progress<'a> {
    label: &'a str,
    terminal: bool,
    next: Duration,
}

impl<'a> Progress<'a> {
    fn new(label: &'a str) -> Self {
        let terminal = io::stdout().is_terminal();
        let next = Duration::from_secs(if terminal { 1 } else { 30 });
        Self { label, terminal, next }
    }

    fn show(&mut self, elapsed: Duration, log: &Path) {
        if elapsed < self.next {
            return;
        }
        let text = tail(log, 2048);
        let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("");
        // Colours and cursor movements of the tools would garble the line.
        let last: String = last.trim().chars().filter(|c| !c.is_control()).take(60).collect();
        let line = format!("  {} … {:.0} s  {last}", self.label, elapsed.as_secs_f64());
        if self.terminal {
            print!("\r\x1b[2K{line}");
            // A terminal that went away shows nothing; the work goes on.
            let _ = io::stdout().flush();
            self.next = elapsed + Duration::from_millis(500);
        } else {
            println!("{line}");
            self.next = elapsed + Duration::from_secs(30);
        }
    }

    fn clear(&self) {
        if self.terminal {
            print!("\r\x1b[2K");
            let _ = io::stdout().flush();
        }
    }
}
