//! Writing a file so that it is there as a whole or not at all, whatever happens in between.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::at;
use crate::sink::Cause;

/// What is asked of the disk, step by step, so that tests can break each one.
pub(super) trait Disk: Send {
    /// A new file, or one that is emptied.
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Staged>>;
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;
    fn remove(&mut self, path: &Path) -> io::Result<()>;
}

/// A file that is being written.
pub(super) trait Staged: Write + Send {
    /// Makes the content durable.
    fn sync(&mut self) -> io::Result<()>;
}

/// The disk of the system.
pub(super) struct System;

impl Staged for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Disk for System {
    fn create(&mut self, path: &Path) -> io::Result<Box<dyn Staged>> {
        Ok(Box::new(File::create(path)?))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and need not be synced.
        if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The hidden name of a file that is being written.
fn hidden(name: &str) -> String {
    format!(".{name}.tmp")
}

/// Fills a file under a hidden name in the folder, makes it durable, and gives it its name.
///
/// If that fails, what was there under the name is as it was. Only if the last step, making the new name durable, fails
/// is the new file there, as a whole; a crash of the system may then take it back.
pub(super) fn write_atomically(
    disk: &mut dyn Disk,
    folder: &Path,
    name: &str,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let (staged, path) = (folder.join(hidden(name)), folder.join(name));
    let written = write_and_sync(disk, &staged, fill);
    let renamed = written.and_then(|()| disk.rename(&staged, &path).map_err(at("renaming", &staged)));
    if renamed.is_err() {
        // If this fails too, the next start clears it away.
        let _ = disk.remove(&staged);
    }
    renamed?;
    disk.sync_folder(folder).map_err(at("syncing", folder))
}

fn write_and_sync(
    disk: &mut dyn Disk,
    path: &Path,
    fill: impl FnOnce(&mut (dyn Write + Send)) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let mut file = BufWriter::with_capacity(1 << 16, disk.create(path).map_err(at("creating", path))?);
    fill(&mut file).map_err(|e| format!("writing {}: {e}", path.display()))?;
    file.flush().map_err(at("writing", path))?;
    file.get_mut().sync().map_err(at("syncing", path))
}
