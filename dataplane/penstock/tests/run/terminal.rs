//! A command on a terminal is as it is without penstock.

use std::process::Command;

use crate::host::{Host, says};

/// Runs its arguments on a terminal of its own, of 33 lines and 77 columns, and then the script at the
/// end of it, which speaks with the command by `send` and `expect`.
const DRIVER: &str = r"
import fcntl, os, pty, select, signal, struct, sys, termios, time
script, command = sys.argv[1], sys.argv[2:]
pid, master = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 77, 0, 0))
    os.execvp(command[0], command)
seen = ''
def expect(text):
    global seen
    end = time.monotonic() + 15
    while text not in seen:
        left = end - time.monotonic()
        if left <= 0 or not select.select([master], [], [], left)[0]:
            sys.exit('never: %r in %r' % (text, seen))
        try:
            seen += os.read(master, 4096).decode()
        except OSError:
            sys.exit('ended: %r not in %r' % (text, seen))
    seen = seen.split(text, 1)[1]
def send(text): os.write(master, text.encode())
def size(lines, columns): fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
def end():
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if select.select([master], [], [], 0.01)[0]:
            try: os.read(master, 4096)
            except OSError: pass
        done, status = os.waitpid(pid, os.WNOHANG)
        if done: return os.waitstatus_to_exitcode(status)
    os.kill(pid, 9)
    sys.exit('it does not end')
exec(script)
";

#[track_caller]
fn drive(script: &str, command: &Command) -> String {
    let mut driver = Command::new("/usr/bin/python3");
    driver.args(["-c", DRIVER, script]).arg(command.get_program()).args(command.get_args());
    driver.current_dir(command.get_current_dir().expect("a directory")).env("TERM", "xterm");
    says(driver)
}

#[test]
fn it_is_a_terminal_of_the_same_size_and_told_when_that_changes() {
    let Some(host) = Host::new() else { return };
    let command = "import os, signal, sys, time\n\
        def told(*_): print(*os.get_terminal_size(), flush=True)\n\
        signal.signal(signal.SIGWINCH, told)\n\
        signal.signal(signal.SIGINT, signal.SIG_DFL)\n\
        print(os.ttyname(0), os.isatty(1), os.isatty(2), flush=True); told(); time.sleep(30)";
    let script = "expect('/dev/pts/'); expect('True True'); expect('77 33'); \
        size(44, 88); expect('88 44'); send('\\x03'); print(end())";
    assert_eq!(drive(script, &host.run(&["/usr/bin/python3", "-c", command])), "-2\n");
}

#[test]
fn ctrl_c_interrupts_the_command_once() {
    let Some(host) = Host::new() else { return };
    let command = "import signal, time\ncount = 0\ndef on(*_):\n  global count; count += 1\nsignal.signal(2, on)\nprint('ready', flush=True)\ntime.sleep(1)\ntime.sleep(0.5)\nprint('count', count)";
    let script = "expect('ready'); send('\\x03'); expect('count 1'); print(end())";
    assert_eq!(drive(script, &host.run(&["/usr/bin/python3", "-c", command])), "0\n");
}

#[test]
fn while_it_is_stopped_nothing_of_it_runs_on() {
    let Some(host) = Host::new() else { return };
    let beats = host.work().join("beats");
    // In a session of its own, where Ctrl-Z does not reach it.
    let beat = "setsid sh -c \"while :; do echo >>beats; sleep 0.02; done\" & echo rea$((1))dy; read line; echo got $line";
    let run = host.run(&["sh", "-c", beat]);
    let quoted: Vec<String> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-i"]).current_dir(host.work());
    let script = format!(
        "size = lambda: os.path.exists({beats:?}) and os.path.getsize({beats:?})\n\
         def beats(count):\n  while size() < count: time.sleep(0.02)\n\
         send({:?} + '\\n'); expect('rea1dy'); beats(5); send('\\x1a'); expect('Stopped')\n\
         before = size(); time.sleep(0.5); print(size() - before)\n\
         send('fg\\n'); beats(before + 5); send('hello\\n'); expect('got hello'); send('exit\\n'); print(end())",
        quoted.join(" ")
    );
    assert_eq!(drive(&script, &shell), "0\n0\n");
}

#[test]
fn a_shell_around_it_can_stop_it_and_go_on() {
    let Some(host) = Host::new() else { return };
    let run = host.run(&["sh", "-c", "echo rea$((1))dy; read line; echo got $line; exit 9"]);
    let quoted: Vec<String> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|word| format!("'{}'", word.to_string_lossy()))
        .collect();
    let mut shell = Command::new("bash");
    shell.args(["--norc", "-i"]).current_dir(host.work());
    let script = format!(
        "send({:?} + '\\n'); expect('rea1dy'); send('\\x1a'); expect('Stopped'); \
         send('echo back; jobs\\n'); expect('back'); expect('Stopped'); \
         send('fg\\n'); time.sleep(0.3); send('hello\\n'); expect('got hello'); \
         send('echo status $?\\n'); expect('status 9'); send('exit\\n'); print(end())",
        quoted.join(" ")
    );
    assert_eq!(drive(&script, &shell), "0\n");
}

#[test]
fn a_shell_inside_has_job_control() {
    let Some(host) = Host::new() else { return };
    let script = "send('echo x$((1+1))x\\n'); expect('x2x'); send('sleep 50\\n'); time.sleep(0.4); \
        send('\\x1a'); expect('Stopped'); send('fg\\n'); time.sleep(0.3); send('\\x03'); \
        send('echo y$((2+2))y\\n'); expect('y4y'); send('exit 6\\n'); print(end())";
    assert_eq!(drive(script, &host.run(&["bash", "--norc", "-i"])), "6\n");
}

#[test]
fn a_terminal_that_a_dead_job_had_is_taken_back() {
    let Some(host) = Host::new() else { return };
    let run = host.run(&["bash", "--norc", "-i"]);
    // A script's shell does not take it by itself.
    let mut shell = Command::new("sh");
    shell.args(["-c", "\"$0\" \"$@\"; echo after; read line; echo got $line"]);
    shell.arg(run.get_program()).args(run.get_args()).current_dir(host.work());
    let script = "send('echo x$((1+1))x\\n'); expect('x2x'); send('kill -9 $$\\n'); expect('after'); \
        send('hello\\n'); expect('got hello'); print(end())";
    assert_eq!(drive(script, &shell), "0\n");
}

#[test]
fn a_command_that_stops_where_nobody_could_continue_it_goes_on() {
    let Some(host) = Host::new() else { return };
    let command = "import os, signal\nos.setpgid(0, 0)\nos.kill(os.getpid(), signal.SIGTSTP)";
    let script = "print(end())";
    assert_eq!(drive(script, &host.run(&["/usr/bin/python3", "-c", command])), "0\n");
}

#[test]
fn the_end_of_the_terminal_is_the_end_of_the_command() {
    let Some(host) = Host::new() else { return };
    let command = "trap 'touch hung; exit 4' HUP; echo ready; while :; do sleep 0.05; done";
    let script = "expect('ready'); os.close(master); print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
    assert_eq!(drive(script, &host.run(&["sh", "-c", command])), "4\n");
    assert!(host.work().join("hung").exists());
}
