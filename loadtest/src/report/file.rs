//! Reports as files: read with their version checked, written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;

use super::model::{Report, SCHEMA_VERSION};

/// A report that is larger is not read. A day of seconds takes less than a tenth of it.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;

/// Reads a report of this version of the schema. Fields that it does not know are skipped: within a
/// version, fields come and do not go.
pub(crate) fn read(path: &Path) -> Result<Report> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(
        u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= FILE_BYTES_MAX,
        "{} is larger than {FILE_BYTES_MAX} bytes, and no report is",
        path.display()
    );
    parse(&bytes).with_context(|| format!("{} cannot be used", path.display()))
}

fn parse(json: &[u8]) -> Result<Report> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        schema_version: u32,
    }
    let Versioned { schema_version } = serde_json::from_slice(json)
        .context("it is no report of penstock-loadtest: JSON with `schemaVersion` was expected")?;
    if schema_version != SCHEMA_VERSION {
        bail!(
            "its `schemaVersion` is {schema_version}, and this penstock-loadtest ({}) reads \
             {SCHEMA_VERSION}; read it with the version that wrote it",
            env!("CARGO_PKG_VERSION")
        );
    }
    serde_json::from_slice(json)
        .with_context(|| format!("it is not what version {SCHEMA_VERSION} of the schema says"))
}

/// A report as it is written: one line.
pub(crate) fn to_json(report: &Report) -> Result<Vec<u8>> {
    let mut json = serde_json::to_vec(report).context("the report cannot be put into JSON")?;
    json.push(b'\n');
    Ok(json)
}

/// What a path leads to, by whichever name it is called. What is not there yet has its place in a
/// folder that is.
pub(crate) fn place(path: &Path) -> PathBuf {
    let there = || path.canonicalize().ok();
    let to_be = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().ok()?;
        Some(folder.join(path.file_name()?))
    };
    there().or_else(to_be).unwrap_or_else(|| path.to_path_buf())
}

/// Where a file is going to be written.
#[derive(Debug)]
pub(crate) struct Destination {
    path: PathBuf,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// A new file takes the place of this one, which need not be there.
    Replace(PathBuf),
    /// A pipe or a device is written into.
    Into,
}

impl Destination {
    /// Finds out whether the file can be written, so that a run does not end with a report and
    /// nowhere to put it. Leaves nothing behind, and what is there as it is.
    pub(crate) fn prepare(path: &Path) -> Result<Self> {
        ensure!(
            path != Path::new("-"),
            "- is no file here, for what is printed is the report in words: name a file"
        );
        let way = match fs::metadata(path) {
            Ok(there) if there.is_dir() => {
                bail!("{} is a folder; name a file in it", path.display())
            }
            // Behind a link, the file that it leads to is replaced, and not the link.
            Ok(there) if there.is_file() => Way::Replace(
                fs::canonicalize(path)
                    .with_context(|| format!("cannot find {}", path.display()))?,
            ),
            Ok(_) => Way::Into,
            Err(_) => Way::Replace(path.to_path_buf()),
        };
        if let Way::Replace(target) = &way {
            beside(target).with_context(|| cannot_write(path))?;
        }
        Ok(Self { path: path.to_path_buf(), way })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file is there that would be replaced.
    pub(crate) fn is_there(&self) -> bool {
        matches!(&self.way, Way::Replace(target) if target.exists())
    }

    /// Writes the file beside its place and moves it there: whoever looks sees the old one or the
    /// new one, and never a part.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<()> {
        match &self.way {
            Way::Replace(target) => replace(target, bytes),
            Way::Into => into(&self.path, bytes),
        }
        .with_context(|| cannot_write(&self.path))
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

fn replace(target: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = beside(target)?;
    file.write_all(bytes).map_err(|error| anyhow!(plain(&error)))?;
    file.as_file().sync_all()?;
    file.persist(target)?;
    Ok(())
}

fn into(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(File::options().write(true).open(path)?.write_all(bytes)?)
}

/// An empty file in the same folder, which is gone when it is dropped.
fn beside(target: &Path) -> Result<tempfile::NamedTempFile> {
    let name = target.file_name().context("the path ends in no file's name")?;
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(name);
    tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        // A file like any other that the user makes; the umask is taken off it.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        // Its own message names the file beside, which nobody asked for.
        .map_err(|error| anyhow!("no file can be made in {}: {}", folder.display(), plain(&error)))
}

/// An error of the system, less the path of the file beside.
fn plain(error: &io::Error) -> String {
    let said = error.to_string();
    said.split(" at path ").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let report = sample::steady();
        let json = to_json(&report).unwrap();
        Destination::prepare(&path).unwrap().write(&json).unwrap();
        assert_eq!(to_json(&read(&path).unwrap()).unwrap(), json);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "and nothing is left beside");
    }

    #[test]
    fn preparing_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (there, new) = (folder.path().join("there"), folder.path().join("new"));
        fs::write(&there, "old").unwrap();
        Destination::prepare(&there).unwrap();
        Destination::prepare(&new).unwrap();
        assert_eq!(fs::read_to_string(&there).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_path_that_cannot_be_written_is_known_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let said = |path: &Path| format!("{:#}", Destination::prepare(path).unwrap_err());
        assert!(said(folder.path()).contains("is a folder"));
        let nowhere = folder.path().join("none/report.json");
        let said = said(&nowhere);
        assert!(said.contains(&format!("cannot write {}", nowhere.display())), "{said}");
        assert!(said.contains("No such file or directory"), "{said}");
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        Destination::prepare(&link).unwrap().write(b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn a_device_is_written_into_and_stays() {
        let null = Path::new("/dev/null");
        let before = fs::metadata(null).unwrap();
        Destination::prepare(null).unwrap().write(b"report").unwrap();
        assert_eq!(fs::metadata(null).unwrap().file_type(), before.file_type());
    }

    #[test]
    fn another_version_is_refused_with_both_numbers() {
        let said = format!("{:#}", parse(br#"{"schemaVersion":2,"total":7}"#).unwrap_err());
        assert!(said.contains("`schemaVersion` is 2") && said.contains("reads 1"), "{said}");
    }

    #[test]
    fn what_is_no_report_is_called_that() {
        for text in ["", "[]", "{}", r#"{"schemaVersion":"1"}"#, "<html>"] {
            let said = format!("{:#}", parse(text.as_bytes()).unwrap_err());
            assert!(said.contains("no report of penstock-loadtest"), "{text}: {said}");
        }
        let said = format!("{:#}", parse(br#"{"schemaVersion":1}"#).unwrap_err());
        assert!(said.contains("missing field"), "{said}");
    }

    #[test]
    fn a_field_that_is_new_is_skipped() {
        let mut json: serde_json::Value =
            serde_json::from_slice(&to_json(&sample::steady()).unwrap()).unwrap();
        json["moon"] = "full".into();
        json["total"]["latency"]["moon"] = 1.into();
        parse(json.to_string().as_bytes()).unwrap();
    }
}
