//! Programs that agents are made of simply work.

use crate::host::{Host, says};
use crate::shown::Shown;

#[test]
fn shells_have_pipes_jobs_and_waits() {
    let Some(host) = Host::new() else { return };
    assert_eq!(host.sh("(echo a; sleep 0.1) | cat & wait; echo b | (read x; echo $x)"), "a\nb\n");
    let bash = "set -m; sleep 0.1 & fg >/dev/null; diff <(echo 1) <(echo 1) && echo same; coproc cat; echo x >&\"${COPROC[1]}\"; read -r y <&\"${COPROC[0]}\"; echo $y";
    assert_eq!(says(host.run(&["bash", "-c", bash])), "same\nx\n");
}

#[test]
fn python_starts_processes_in_every_way_it_has() {
    let Some(host) = Host::new() else { return };
    let script = r"
import asyncio, concurrent.futures, multiprocessing, os, subprocess, threading
print(subprocess.run(['echo', 'run'], capture_output=True, text=True).stdout, end='')
print(subprocess.Popen('cat', stdin=subprocess.PIPE, stdout=subprocess.PIPE, shell=True).communicate(b'pipe')[0].decode())
async def main():
    child = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
    print((await child.communicate(b'asyncio'))[0].decode())
    child = await asyncio.create_subprocess_shell('exit 3')
    print(await child.wait(), await asyncio.to_thread(lambda: 'thread'))
asyncio.run(main())
with concurrent.futures.ProcessPoolExecutor(2) as pool: print(*pool.map(abs, [-1, -2]))
with multiprocessing.get_context('spawn').Pool(1) as pool: print(pool.map(abs, [-3]))
os.posix_spawn('/bin/true', ['true'], {}); print(os.wait()[1])
";
    // In a file: `spawn` imports the main module.
    std::fs::write(
        host.work().join("ways.py"),
        format!("if __name__ == '__main__':\n{}", script.replace('\n', "\n    ")),
    )
    .expect("a script");
    let said = says(host.run(&["/usr/bin/python3", "ways.py"]));
    assert_eq!(said, "run\npipe\nasyncio\n3 thread\n1 2\n[3]\n0\n");
}

#[test]
fn node_starts_processes_and_threads() {
    let Some(host) = Host::new() else { return };
    let script = r"
const c = require('child_process'), w = require('worker_threads'), fs = require('fs');
console.log(c.execSync('echo sync').toString().trim());
c.exec('echo exec | cat', (e, out) => { console.log(out.trim());
  const s = c.spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] });
  s.stdout.on('data', d => console.log(d.toString()));
  s.on('close', () => {
    const f = c.fork(process.argv[1], ['child']);
    f.on('message', m => { console.log(m); f.disconnect(); });
    f.on('exit', () => {
      new w.Worker('require(`worker_threads`).parentPort.postMessage(`worker`)', { eval: true })
        .on('message', m => { console.log(m); fs.readFile('/etc/hostname', e => console.log(e ? e.code : 'read')); });
    });
  });
  s.stdin.end('spawn');
});
";
    let text =
        format!("if (process.argv[2] === 'child') process.send('fork'); else {{ {script} }}");
    std::fs::write(host.work().join("ways.js"), text).expect("a script");
    let said = says(Shown::new("").there(&host.run(&["node", "ways.js"])));
    assert_eq!(said, "sync\nexec\nspawn\nfork\nworker\nread\n");
}

#[test]
fn git_makes_commits() {
    let Some(host) = Host::new() else { return };
    let script = "export HOME=$PWD GIT_CONFIG_NOSYSTEM=1; git init -q r; cd r; \
        git config user.email a@example.com; git config user.name a; echo x > f; git add f; \
        git commit -qm first; git clone -q . ../copy; git -C ../copy log --format=%s; git gc -q";
    assert_eq!(host.sh(script), "first\n");
}
