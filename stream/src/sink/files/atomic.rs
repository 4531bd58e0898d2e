//! Writing a file so that it is there as a whole or not at all, whatever happens in between.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
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
    /// A file that is there.
    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>>;
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

    fn open(&mut self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(path)?))
    }
}

/// Makes a folder, with those above it, if it is not there. Durable when this returns: a folder that was made is lost in
/// a power cut, with all that is in it, unless the one above it was synced.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<_> = folder.ancestors().take_while(is_missing).collect();
    fs::create_dir_all(folder)?;
    missing
        .into_iter()
        .filter_map(Path::parent)
        .try_for_each(|above| System.sync_folder(if above.as_os_str().is_empty() { Path::new(".") } else { above }))
}

/// The hidden name of a file that is being written.
fn hidden(name: &str) -> String {
    format!(".{name}.tmp")
}

/// Fills a file under a hidden name in the folder, makes it durable, and gives it its name.
///
/// If that fails, what was there under the name is as it was. Only if the last step, making the new name durable, fails
/// is the new file there, as a whole; a crash of the system may then take it back.
///
/// A file that is there with the same content is left as it is: it was committed by a run that did not get to tell.
pub(super) fn write_atomically(
    disk: &mut dyn Disk,
    folder: &Path,
    name: &str,
    fill: impl Fn(&mut (dyn Write + Send)) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let (staged, path) = (folder.join(hidden(name)), folder.join(name));
    if is_there(disk, &path, &fill) {
        // That run may have been killed before its last step.
        return disk.sync_folder(folder).map_err(at("syncing", folder));
    }
    let written = write_and_sync(disk, &staged, fill);
    let renamed = written.and_then(|()| disk.rename(&staged, &path).map_err(at("renaming", &staged)));
    if renamed.is_err() {
        // If this fails too, the next start clears it away.
        let _ = disk.remove(&staged);
    }
    renamed?;
    disk.sync_folder(folder).map_err(at("syncing", folder))
}

/// Whether a file is there, with all that it is filled with and no more. A name is given to what was synced only.
fn is_there(disk: &mut dyn Disk, path: &Path, fill: impl Fn(&mut (dyn Write + Send)) -> Result<(), Cause>) -> bool {
    let Ok(file) = disk.open(path) else { return false };
    let mut same = Same { file: BufReader::with_capacity(BUFFER, file), expected: Vec::new() };
    // What is wrong is told when the file is written.
    fill(&mut same).is_ok() && matches!(same.file.read(&mut [0]), Ok(0))
}

/// Takes what a file holds, and fails with the first byte that is another.
struct Same<R> {
    file: R,
    expected: Vec<u8>,
}

impl<R: Read> Write for Same<R> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = &bytes[..bytes.len().min(BUFFER)];
        self.expected.resize(some.len(), 0);
        self.file.read_exact(&mut self.expected)?;
        if self.expected == some { Ok(some.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What goes to the disk, or comes from it, at a time.
const BUFFER: usize = 1 << 16;

fn write_and_sync(
    disk: &mut dyn Disk,
    path: &Path,
    fill: impl Fn(&mut (dyn Write + Send)) -> Result<(), Cause>,
) -> Result<(), Cause> {
    let mut file = BufWriter::with_capacity(BUFFER, disk.create(path).map_err(at("creating", path))?);
    fill(&mut file).map_err(|e| format!("writing {}: {e}", path.display()))?;
    file.flush().map_err(at("writing", path))?;
    file.get_mut().sync().map_err(at("syncing", path))
}
