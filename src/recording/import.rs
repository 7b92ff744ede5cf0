//! Files that the switch names by their path. They are opened step by step from the import directory, without
//! following a symbolic link at any step: whoever can write there cannot make us read anything else.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{Mode, OFlags, open, openat};

/// Why a file is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotImported {
    /// There is no import directory.
    #[error("recording.import_dir is not set: send the file with PUT")]
    NotAllowed,
    /// The path leads out of the directory, or over a symbolic link.
    #[error("path must name a file below recording.import_dir, without .. and symbolic links")]
    Outside,
    /// There is no such file, or it cannot be read.
    #[error("path names no file that can be read")]
    NotThere,
}

/// Opens the plain file `path` below `root`. `path` may be relative to `root`, or begin with it.
pub(super) fn open_below(root: &Path, path: &Path) -> Result<File, NotImported> {
    let steps = steps(path.strip_prefix(root).unwrap_or(path)).ok_or(NotImported::Outside)?;
    let (name, folders) = steps.split_last().ok_or(NotImported::Outside)?;
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = open(root, folder, Mode::empty()).map_err(|_| NotImported::NotThere)?;
    for step in folders {
        at = openat(&at, *step, folder | OFlags::NOFOLLOW, Mode::empty()).map_err(reason)?;
    }
    // NONBLOCK: a pipe that nobody writes to must not hold us.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file: OwnedFd = openat(&at, *name, flags, Mode::empty()).map_err(reason)?;
    let file = File::from(file);
    match file.metadata() {
        Ok(metadata) if metadata.is_file() => Ok(file),
        _ => Err(NotImported::NotThere),
    }
}

/// The parts of a path that only goes down.
fn steps(path: &Path) -> Option<Vec<&OsStr>> {
    path.components()
        .map(|component| match component {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}

fn reason(error: rustix::io::Errno) -> NotImported {
    match io::Error::from(error).kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => NotImported::NotThere,
        // What the system says about a symbolic link differs from system to system and from step to step.
        _ => NotImported::Outside,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_below_the_directory_is_opened_by_either_spelling() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("a/b")).unwrap();
        std::fs::write(dir.path().join("a/b/c.wav"), "sound").unwrap();
        for path in [Path::new("a/b/c.wav"), &dir.path().join("a/b/c.wav"), Path::new("a//b/./c.wav")] {
            let mut text = String::new();
            open_below(dir.path(), path).unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "sound", "{}", path.display());
        }
    }

    #[test]
    fn no_path_leads_out_of_the_directory() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("import");
        std::fs::create_dir_all(dir.join("sub")).unwrap();
        std::fs::write(outer.path().join("secret"), "x").unwrap();
        symlink(outer.path().join("secret"), dir.join("file")).unwrap();
        symlink(outer.path(), dir.join("folder")).unwrap();
        symlink("sub", dir.join("inner")).unwrap();
        std::fs::write(dir.join("sub/f"), "x").unwrap();
        let secret = outer.path().join("secret");
        let up = dir.join("sub/../../secret");
        for path in [
            "../secret",
            "sub/../../secret",
            "/etc/passwd",
            "file",
            "folder/secret",
            "inner/f",
            "",
            ".",
            "..",
        ] {
            assert_eq!(open_below(&dir, Path::new(path)).unwrap_err(), NotImported::Outside, "{path}");
        }
        for path in [secret, up, dir.clone()] {
            assert_eq!(open_below(&dir, &path).unwrap_err(), NotImported::Outside, "{}", path.display());
        }
    }

    #[test]
    fn only_plain_files_that_exist_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
        for path in ["missing.wav", "missing/f.wav", "folder", "pipe"] {
            assert_eq!(open_below(dir.path(), Path::new(path)).unwrap_err(), NotImported::NotThere, "{path}");
        }
        assert_eq!(open_below(&dir.path().join("gone"), Path::new("f")).unwrap_err(), NotImported::NotThere);
    }
}
