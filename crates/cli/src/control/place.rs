//! Where control sockets are.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The folder for sockets whose place nobody has named: within $XDG_RUNTIME_DIR, or a folder of ours alone
/// among the temporary files.
fn folder() -> PathBuf {
    match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute()) {
        Some(path) => path.join("fathom"),
        None => env::temp_dir().join(format!("fathom-{}", rustix::process::geteuid().as_raw())),
    }
}

/// The place of this process's socket, in a folder that is made if it is not there.
///
/// # Errors
/// When the folder cannot be made, or others could change what is in it.
pub(super) fn own() -> io::Result<PathBuf> {
    let folder = folder();
    match fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    // Among the temporary files anybody could have made it, or a link.
    let facts = fs::symlink_metadata(&folder)?;
    if !facts.is_dir() || facts.uid() != rustix::process::geteuid().as_raw() || facts.mode() & 0o077 != 0 {
        let text = format!("{} is not a folder of yours alone (mode 0700)", folder.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, text));
    }
    sweep(&folder);
    Ok(folder.join(format!("serve-{}.sock", std::process::id())))
}

/// Removes what processes that were killed have left. What cannot be removed is in nobody's way.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let process = path.file_name().and_then(|name| {
            name.to_str()?.strip_prefix("serve-")?.strip_suffix(".sock")?.parse::<u32>().ok()
        });
        if process.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// The sockets that somebody answers at, of the places that nobody has named.
pub(crate) fn running() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder()) else { return Vec::new() };
    let mut sockets: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sock") && answers(path))
        .collect();
    sockets.sort();
    sockets
}

/// Whether somebody listens at a socket.
fn answers(path: &Path) -> bool {
    UnixStream::connect(path).is_ok()
}

/// Removes a socket that nobody listens at any more.
///
/// # Errors
/// [`AddrInUse`](io::ErrorKind::AddrInUse) when somebody does, [`AlreadyExists`](io::ErrorKind::AlreadyExists) when it
/// is no socket at all.
pub(super) fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(facts) if !facts.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something else in this place"))
        }
        Ok(_) if answers(path) => {
            Err(io::Error::new(io::ErrorKind::AddrInUse, "another process answers there"))
        }
        Ok(_) => fs::remove_file(path),
    }
}
