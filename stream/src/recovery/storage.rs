//! Where a job keeps what it must not lose: named files in one place.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// All that the engine asks of a disk. Names have no separators; files are small or written once.
///
/// A file that [`write`](Self::write) has put there is there as a whole or not at all, whatever happens in between; what
/// was [appended](Append::append) is there after its [`sync`](Append::sync), and before that in part or not at all. Of
/// anything else a crash may leave behind, an implementation says nothing: the engine checks every byte that it reads.
pub trait Storage: Debug + Send + Sync + 'static {
    /// The place in words, for errors: a path, a bucket.
    fn place(&self) -> String;

    /// Makes sure that the place is there, can be written, and is used by nobody else until it is [closed](Self::close).
    ///
    /// # Errors
    /// `AddrInUse`, if a running job uses it; whatever the system says.
    fn open(&self) -> io::Result<()>;

    /// The job has ended: others may use the place.
    fn close(&self);

    /// The names of all files, in no order.
    ///
    /// # Errors
    /// Whatever the system says; so for the other methods.
    fn list(&self) -> io::Result<Vec<String>>;

    /// The content of a file; an error of kind `NotFound` if there is none of that name.
    fn read(&self, name: &str) -> io::Result<Vec<u8>>;

    /// Puts a file there, durable when this returns, in the place of one of the same name. The content comes in pieces,
    /// in this order.
    fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()>;

    /// A new file, empty and durable, to be appended to.
    fn create(&self, name: &str) -> io::Result<Box<dyn Append>>;

    /// Makes durable what can be read of a file: another process may have appended to it, and been killed before its
    /// sync. Unless an implementation knows better, the file is written anew, with the same content.
    fn sync(&self, name: &str) -> io::Result<()> {
        let content = self.read(name)?;
        self.write(name, &[&content])
    }

    /// Removes a file; nothing happens if there is none. Need not be durable.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A file that grows.
pub trait Append: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// Whatever the system says.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes durable what was appended.
    ///
    /// # Errors
    /// Whatever the system says. What is durable then is not known.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the local disk.
#[derive(Debug)]
pub struct LocalFolder {
    folder: PathBuf,
    /// Held while the storage is open: the lock on the folder.
    lock: Mutex<Option<File>>,
}

impl LocalFolder {
    const LOCK: &'static str = "lock";
    const STAGED: &'static str = ".tmp";

    /// This folder; made, with those above it, if it is not there.
    pub fn new(folder: impl AsRef<Path>) -> Self {
        Self { folder: folder.as_ref().to_owned(), lock: Mutex::new(None) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Makes names durable.
    fn sync_names(&self) -> io::Result<()> {
        // Elsewhere a folder cannot be opened, and need not be synced.
        if cfg!(unix) { File::open(&self.folder)?.sync_all() } else { Ok(()) }
    }
}

impl Storage for LocalFolder {
    fn place(&self) -> String {
        self.folder.display().to_string()
    }

    fn open(&self) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let lock = File::options().create(true).append(true).open(self.path(Self::LOCK))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::AddrInUse, "a running job uses it"));
            }
            // There are file systems without locks: then nothing watches over it.
            Err(fs::TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(fs::TryLockError::Error(e)) => return Err(e),
        }
        // The lock may be an old one, in a folder that can no longer be written.
        self.write("probe", &[])?;
        self.remove("probe")?;
        for name in fs::read_dir(&self.folder)? {
            let name = name?.file_name();
            if name.to_str().is_some_and(|name| name.ends_with(Self::STAGED)) {
                fs::remove_file(self.folder.join(name))?;
            }
        }
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = Some(lock);
        Ok(())
    }

    fn close(&self) {
        // Dropped, the file is unlocked.
        self.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let names = fs::read_dir(&self.folder)?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        let ours = |name: &String| name != Self::LOCK && !name.ends_with(Self::STAGED);
        Ok(names.collect::<io::Result<Vec<_>>>()?.into_iter().flatten().filter(ours).collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(name))
    }

    fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        let staged = self.path(&format!("{name}{}", Self::STAGED));
        let fill = || {
            let mut file = File::create(&staged)?;
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            file.sync_all()?;
            fs::rename(&staged, self.path(name))
        };
        fill().inspect_err(|_| {
            // If this fails too, the next start clears it away.
            let _ = fs::remove_file(&staged);
        })?;
        self.sync_names()
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Append>> {
        let file = File::create(self.path(name))?;
        file.sync_all()?;
        self.sync_names()?;
        Ok(Box::new(file))
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        // Not for reading alone: there are systems that sync only what can be written.
        File::options().append(true).open(self.path(name))?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path(name)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }
}

impl Append for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
