//! The folder that is served, and the opening of what is in it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, Stat, open, openat, openat2};
use rustix::io::Errno;

/// How often a path is tried that somebody is moving about (`openat2(2)`, EAGAIN).
const TRIES: usize = 16;

/// A folder, and whether links may lead out of it.
#[derive(Debug)]
pub(super) struct Tree {
    root: OwnedFd,
    follow: bool,
}

/// What there is at a place.
#[derive(Debug)]
pub(super) enum Found {
    File(File, Facts),
    Folder(OwnedFd),
    /// A pipe, a socket or a device.
    Other,
}

/// What is known of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    pub(super) len: u64,
    pub(super) modified: SystemTime,
    inode: u64,
}

impl Facts {
    pub(super) fn of(stat: &Stat) -> Facts {
        let since = Duration::new(u64::try_from(stat.st_mtime).unwrap_or(0), stat.st_mtime_nsec as u32);
        Facts {
            len: u64::try_from(stat.st_size).unwrap_or(0),
            modified: SystemTime::UNIX_EPOCH + since,
            inode: stat.st_ino,
        }
    }

    /// A file that is nowhere.
    #[cfg(test)]
    pub(super) fn for_test(len: u64, modified: SystemTime) -> Facts {
        Facts { len, modified, inode: 1 }
    }

    /// What tells this state of the file from others, as an entity tag without its quotes.
    pub(super) fn tag(&self) -> String {
        let since = self.modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        format!("{:x}-{:x}-{:x}", self.inode, self.len, since.as_nanos())
    }
}

impl Tree {
    pub(super) fn open(root: &Path, follow: bool) -> io::Result<Tree> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let tree = Tree { root: open(root, flags, Mode::empty())?, follow };
        // Seen at the start rather than at the first request.
        tree.open_at(Path::new("."), flags, Mode::empty()).map_err(|error| {
            match Errno::from_io_error(&error) {
                Some(Errno::NOSYS | Errno::PERM | Errno::INVAL) => io::Error::new(
                    io::ErrorKind::Unsupported,
                    "this system cannot confine paths to a folder (openat2)",
                ),
                _ => error,
            }
        })?;
        Ok(tree)
    }

    /// Opens what is at `path`.
    pub(super) fn find(&self, path: &Path) -> io::Result<Found> {
        // Not waiting, for a pipe that nobody writes to.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = self.open_at(path, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Found::File(File::from(fd), Facts::of(&stat)),
            FileType::Directory => Found::Folder(fd),
            _ => Found::Other,
        })
    }

    /// What is at `path`, without opening it.
    fn facts(&self, path: &Path) -> io::Result<(FileType, Facts)> {
        let fd = self.open_at(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        let stat = rustix::fs::fstat(&fd)?;
        Ok((FileType::from_raw_mode(stat.st_mode), Facts::of(&stat)))
    }

    /// The folder at `path`, to write in.
    pub(super) fn folder(&self, path: &Path) -> io::Result<OwnedFd> {
        self.open_at(path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }

    /// What the folder at `path` holds, as far as it would be served, and whether there is more than `limit`.
    pub(super) fn list(&self, folder: &OwnedFd, path: &Path, limit: usize) -> io::Result<(Vec<Entry>, bool)> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name == b"." || name == b".." {
                continue;
            }
            if entries.len() == limit {
                return Ok((entries, true));
            }
            let name = os_string(name);
            let found = match entry.file_type() {
                // Wherever it leads is looked at as a request would.
                FileType::Symlink | FileType::Unknown => self.facts(&path.join(&name)),
                _ => stat_in(folder, &name),
            };
            // What went away meanwhile or leads out is not served either.
            let Ok((kind, facts)) = found else { continue };
            let folder = match kind {
                FileType::Directory => true,
                FileType::RegularFile => false,
                _ => continue,
            };
            entries.push(Entry { name, folder, facts });
        }
        Ok((entries, false))
    }

    fn open_at(&self, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        if self.follow {
            return Ok(openat(&self.root, path, flags, mode)?);
        }
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..TRIES {
            match openat2(&self.root, path, flags, mode, resolve) {
                Err(Errno::AGAIN | Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
        Err(Errno::AGAIN.into())
    }
}

/// An entry of a folder.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: OsString,
    pub(super) folder: bool,
    pub(super) facts: Facts,
}

fn os_string(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(bytes).to_owned()
}

/// What `name` in `folder` is, itself.
pub(super) fn stat_in(folder: impl AsFd, name: &OsStr) -> io::Result<(FileType, Facts)> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok((FileType::from_raw_mode(stat.st_mode), Facts::of(&stat)))
}
