//! No orphans, even after `kill -9`: one small process that outlives penstock just long enough to
//! kill the process groups that penstock left behind.
//!
//! `PR_SET_PDEATHSIG` would have to be set between fork and exec, which takes unsafe code, and it
//! reaches only the child itself, not what the child started. The guard reads group ids from a pipe
//! whose other end only penstock holds; when that end closes, for whatever reason, it kills what is
//! on its list. A server that watches its stdin, as the specification asks, is gone by then.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// Signals that stop penstock must not stop the guard before it.
const SCRIPT: &str = r#"trap '' HUP INT TERM QUIT
groups=' '
while read -r verb group; do
  case $verb in
  +) groups="$groups$group " ;;
  -) case $groups in *" $group "*) groups="${groups%% $group *} ${groups#* $group }" ;; esac ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done 2>/dev/null"#;

/// Where POSIX has a shell.
const SHELL: &str = "/bin/sh";

#[derive(Default)]
pub(crate) struct Guard {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    child: Option<Child>,
    groups: BTreeSet<u32>,
    /// Said once that there is no guard.
    complained: bool,
}

impl Guard {
    /// Puts a process group under guard.
    pub(crate) fn add(&self, group: u32) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.groups.insert(group);
        if !state.say('+', group) {
            state.start();
        }
    }

    /// Releases a process group that has ended.
    pub(crate) fn remove(&self, group: u32) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.groups.remove(&group);
        state.say('-', group);
    }
}

impl State {
    fn say(&mut self, verb: char, group: u32) -> bool {
        let Some(stdin) = self.child.as_mut().and_then(|child| child.stdin.as_mut()) else {
            return false;
        };
        // A few bytes into a pipe that is always read: this does not block.
        writeln!(stdin, "{verb} {group}").is_ok()
    }

    fn start(&mut self) {
        self.end();
        let spawned = Command::new(SHELL)
            .args(["-c", SCRIPT, "penstock-guard"])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match spawned {
            Ok(child) => {
                self.child = Some(child);
                for group in self.groups.clone() {
                    self.say('+', group);
                }
            }
            Err(error) if !self.complained => {
                self.complained = true;
                tracing::warn!(
                    %error,
                    "{SHELL} cannot be started: should penstock be killed with SIGKILL, children that ignore the end of their stdin stay behind"
                );
            }
            Err(_) => {}
        }
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            // It ends with its pipe.
            let _ = child.wait();
        }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").process_group(0).spawn().expect("sleep")
    }

    #[test]
    fn what_is_left_when_penstock_is_gone_is_killed_and_what_was_released_is_not() {
        let (mut left, mut released) = (sleeper(), sleeper());
        let guard = Guard::default();
        guard.add(released.id());
        guard.add(left.id());
        guard.remove(released.id());
        drop(guard); // the pipe closes, as it does when penstock dies
        let deadline = Instant::now() + Duration::from_secs(10);
        while left.try_wait().expect("wait").is_none() {
            assert!(Instant::now() < deadline, "the guard left an orphan");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(released.try_wait().expect("wait").is_none(), "the guard killed a stranger");
        released.kill().expect("kill");
        released.wait().expect("wait");
    }
}
