//! Whose the configuration is: it says what an agent may, so its user must not be able to change it.
//!
//! By owners and mode bits alone; access control lists are not read.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use penstock_egress::launch::User;

use crate::exit::{Exit, Failure};

/// As many symbolic links as the kernel follows (`path_resolution(7)`).
const LINKS_MAX: usize = 40;

const WRITE: u32 = 0o2;
const STICKY: u32 = 0o1000;

/// Refuses a configuration that the user of an agent could write, or put another in the place of.
pub(crate) fn check(configuration: &Path, user: &User) -> Result<(), Failure> {
    let shown = configuration.display();
    let hold = writable(configuration, user).map_err(|error| {
        let message = format!("cannot tell who may write {shown}: {error}");
        Failure::of_io(&error, Exit::OsError, message)
    })?;
    let Some(hold) = hold else { return Ok(()) };
    let (at, name) = (hold.path().display(), &user.name);
    Err(match &hold {
        Hold::File(_) => {
            let message = format!("user `{name}` can write {at}, and so change what its agent may");
            Failure::new(Exit::NoPermission, message)
                .help(format!("make it root's: `sudo chown root {at} && sudo chmod go-w {at}`"))
        }
        Hold::Directory(_) => {
            let message = format!(
                "user `{name}` can write {at}, and so put another file in the place of {shown}, which \
                 says what its agent may"
            );
            Failure::new(Exit::NoPermission, message).help(format!(
                "move it to where only root can write, as /etc/penstock/penstock.yaml, or make the \
                 directory root's: `sudo chown root {at} && sudo chmod go-w {at}`"
            ))
        }
    })
}

/// What a user can write on the way to a file.
#[derive(Debug, PartialEq, Eq)]
enum Hold {
    File(PathBuf),
    /// Where a name of the path can be replaced.
    Directory(PathBuf),
}

impl Hold {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Directory(path) => path,
        }
    }
}

/// The first thing that the user can write between `/` and the file, through every symbolic link.
fn writable(file: &Path, user: &User) -> io::Result<Option<Hold>> {
    let mut ahead = VecDeque::new();
    put_before(&mut ahead, &std::path::absolute(file)?);
    let mut at = PathBuf::from("/");
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == "/" {
            at = PathBuf::from("/");
            continue;
        }
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let found = fs::symlink_metadata(&next)?;
        if can_replace(&fs::symlink_metadata(&at)?, &found, user) {
            return Ok(Some(Hold::Directory(at)));
        }
        if found.is_symlink() {
            links += 1;
            if links > LINKS_MAX {
                return Err(io::Error::from(io::ErrorKind::TooManyLinks));
            }
            put_before(&mut ahead, &fs::read_link(&next)?);
        } else {
            at = next;
        }
    }
    Ok(can_write(&fs::symlink_metadata(&at)?, user).then_some(Hold::File(at)))
}

fn put_before(ahead: &mut VecDeque<OsString>, path: &Path) {
    let names = path.components().filter(|component| *component != Component::CurDir);
    for name in names.rev() {
        ahead.push_front(name.as_os_str().to_owned());
    }
}

/// An owner who may not write can change that.
fn can_write(found: &Metadata, user: &User) -> bool {
    let bits = if user.groups.contains(&found.gid()) || user.gid == found.gid() {
        WRITE << 3
    } else {
        WRITE
    };
    found.uid() == user.uid || found.mode() & bits != 0
}

/// In a sticky directory, as /tmp is, by the owner of either only (`unlink(2)`).
fn can_replace(directory: &Metadata, entry: &Metadata, user: &User) -> bool {
    let sticky = directory.mode() & STICKY != 0;
    let owner = directory.uid() == user.uid || entry.uid() == user.uid;
    can_write(directory, user) && (!sticky || owner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    /// A directory that nobody but its owner may write, and in it the file, its directory and a user
    /// who owns neither, in a group of theirs.
    struct World {
        folder: tempfile::TempDir,
        stranger: User,
    }

    impl World {
        fn new() -> Self {
            // Other than that of whoever runs this test.
            let folder = tempfile::tempdir().expect("a folder");
            let root = fs::canonicalize(folder.path()).expect("it is there");
            fs::create_dir(root.join("below")).expect("a directory");
            fs::write(root.join("below/penstock.yaml"), "").expect("a file");
            let mut stranger = User::parse("54321:54321").expect("a user");
            stranger.groups.push(fs::metadata(&root).expect("it is there").gid());
            let world = Self { folder, stranger };
            world.mode("below", 0o755);
            world.mode("below/penstock.yaml", 0o644);
            world
        }

        fn path(&self, name: &str) -> PathBuf {
            fs::canonicalize(self.folder.path()).expect("it is there").join(name)
        }

        fn mode(&self, name: &str, mode: u32) {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(self.path(name), mode).expect("its mode");
        }

        fn found(&self, name: &str) -> Option<Hold> {
            writable(&self.path(name), &self.stranger).expect("it is there")
        }
    }

    #[test]
    fn a_file_that_only_others_can_write_is_trusted() {
        let world = World::new();
        assert_eq!(world.found("below/penstock.yaml"), None);
        assert_eq!(world.found("below/../below/./penstock.yaml"), None);
        assert!(check(&world.path("below/penstock.yaml"), &world.stranger).is_ok());
    }

    #[test]
    fn a_file_is_its_owners_its_groups_and_everybodys_to_write_as_its_mode_says() {
        let mut world = World::new();
        let file = "below/penstock.yaml";
        let held = Some(Hold::File(world.path(file)));
        world.mode(file, 0o664);
        assert_eq!(world.found(file), held);
        let groups = std::mem::replace(&mut world.stranger.groups, vec![54_321]);
        assert_eq!(world.found(file), None, "it is in none of its groups");
        world.mode(file, 0o646);
        assert_eq!(world.found(file), held);
        world.stranger.groups = groups;
        assert_eq!(world.found(file), None, "the group's bits hold for who is in it");
    }

    #[test]
    fn who_owns_it_can_let_itself_write() {
        let mut world = World::new();
        let file = "below/penstock.yaml";
        world.mode(file, 0o444);
        world.stranger.uid = fs::metadata(world.path(file)).expect("it is there").uid();
        // The first on the way that is its own; where that is root, it is `/`.
        assert!(world.found(file).is_some());
    }

    #[test]
    fn a_directory_on_the_way_must_not_be_writable_unless_it_is_sticky() {
        let world = World::new();
        let file = "below/penstock.yaml";
        world.mode("below", 0o775);
        assert_eq!(world.found(file), Some(Hold::Directory(world.path("below"))));
        world.mode("below", 0o1775);
        assert_eq!(world.found(file), None, "it can make files there, and replace none of others");
        world.mode("below", 0o755);
        world.mode("", 0o770);
        assert_eq!(world.found(file), Some(Hold::Directory(world.path(""))));
    }

    #[test]
    fn a_symbolic_link_is_followed_and_what_it_leads_through_looked_at() {
        let world = World::new();
        fs::create_dir(world.path("open")).expect("a directory");
        world.mode("open", 0o777);
        symlink("below/../below/penstock.yaml", world.path("good")).expect("a link");
        assert_eq!(world.found("good"), None);
        // The target is trusted, the place of the link is not.
        symlink("../below/penstock.yaml", world.path("open/link")).expect("a link");
        assert_eq!(world.found("open/link"), Some(Hold::Directory(world.path("open"))));
        // The other way round.
        fs::write(world.path("open/penstock.yaml"), "").expect("a file");
        symlink(world.path("open/penstock.yaml"), world.path("led")).expect("a link");
        assert_eq!(world.found("led"), Some(Hold::Directory(world.path("open"))));
        symlink("loop", world.path("loop")).expect("a link");
        assert!(writable(&world.path("loop"), &world.stranger).is_err());
    }

    #[test]
    fn the_refusal_names_the_path_and_what_mends_it() {
        let world = World::new();
        world.mode("below/penstock.yaml", 0o666);
        world.mode("below", 0o755);
        let file = world.path("below/penstock.yaml");
        let refused = check(&file, &world.stranger).expect_err("it is the group's too");
        assert_eq!(refused.exit, Exit::NoPermission);
        let start = format!("user `54321` can write {}", file.display());
        assert!(refused.message().starts_with(&start), "{}", refused.message());
    }
}
