//! The sockets between shards and control thread are nobody else's.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::common::{PATIENCE, Penstock, always, call, ok};

/// Its directory.
fn inside(penstock: &Penstock) -> PathBuf {
    let entries = std::fs::read_dir(penstock.setup.folder.path("")).expect("the folder");
    let paths = entries.flatten().map(|entry| entry.path());
    let mut own = paths.filter(|path| path.is_dir() && path.join("front.sock").exists());
    let found = own.next().expect("the inner directory");
    assert!(own.next().is_none());
    found
}

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn another_process_gets_no_answer_from_either_though_it_is_the_same_user() {
    let penstock = Penstock::start(always(ok("{}")), "");
    let directory = inside(&penstock);
    assert_eq!(mode(&directory), 0o700);
    for name in ["front.sock", "control.sock"] {
        let path = directory.join(name);
        assert_eq!(mode(&path), 0o600, "{name}");
        let mut stream = UnixStream::connect(&path).expect("this user may connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("a read timeout");
        let mut answer = Vec::new();
        // Either end of it may fail: what counts is that nothing is answered.
        let _ = stream.write_all(&call(1));
        let _ = stream.read_to_end(&mut answer);
        assert_eq!(String::from_utf8_lossy(&answer), "", "{name}");
    }
    penstock.logs("another process connected");
    assert_eq!(penstock.connect().ask(&call(1)).0, 200);
}

#[test]
fn they_are_gone_when_penstock_is() {
    let mut penstock = Penstock::start(always(ok("{}")), "");
    let directory = inside(&penstock);
    penstock.signal("TERM");
    assert!(penstock.wait());
    assert!(!directory.exists());
}
