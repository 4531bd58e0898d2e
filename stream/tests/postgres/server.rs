//! A PostgreSQL of the test's own, and a wire to it that can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use tempfile::TempDir;

/// A server on loopback, with its data in a folder that goes away with it.
pub(crate) struct Server {
    folder: TempDir,
    binaries: PathBuf,
    pub(crate) port: u16,
    process: Option<Child>,
}

/// Where the programs of a server are, if they are anywhere.
fn binaries() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = versions.filter_map(|version| Some(version.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = debian.chain(std::env::split_paths(&path)).collect();
    folders.retain(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file());
    folders.into_iter().next()
}

/// Who runs the server: root may not.
fn user() -> Option<(u32, u32)> {
    let id = |flag| {
        let out = Command::new("id").arg(flag).output().unwrap().stdout;
        String::from_utf8(out).unwrap().trim().parse::<u32>().unwrap()
    };
    if id("-u") != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let account = |name| accounts.lines().find(|line| line.starts_with(name));
    let account = account("postgres:").or_else(|| account("nobody:")).unwrap();
    let mut ids = account.split(':').skip(2).map(|id| id.parse().unwrap());
    Some((ids.next().unwrap(), ids.next().unwrap()))
}

impl Server {
    /// Starts one. None, with a word about it, where there is no PostgreSQL.
    pub(crate) fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            println!("skipped: there is no PostgreSQL here (apt-get install postgresql)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        if let Some((user, group)) = user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { folder, binaries, port, process: None };
        let made = server
            .command("initdb")
            .args(["-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(server.data())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        server.run();
        Some(server)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if let Some((user, group)) = user() {
            command.uid(user).gid(group);
        }
        command
    }

    /// Starts it once more, on the same data.
    pub(crate) fn run(&mut self) {
        let sockets = self.folder.path().display().to_string();
        let settings = [
            format!("port={}", self.port),
            format!("unix_socket_directories={sockets}"),
            "listen_addresses=127.0.0.1".to_owned(),
            "fsync=off".to_owned(),
            "shared_buffers=16MB".to_owned(),
        ];
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        for setting in &settings {
            command.args(["-c", setting]);
        }
        self.process = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while Client::connect(&self.address(), NoTls).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the server does not start");
            thread::yield_now();
        }
    }

    /// Ends it at once, as a power cut would, and waits until all of it is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let stop =
                self.command("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.data()).output().unwrap();
            assert!(stop.status.success(), "{stop:?}");
            process.wait().unwrap();
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("host=127.0.0.1 port={} user=tester dbname=postgres", self.port)
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.address(), NoTls).unwrap()
    }

    /// Runs statements.
    pub(crate) fn tell(&self, statements: &str) {
        self.client().batch_execute(statements).unwrap();
    }

    /// The rows of a query, each as one text.
    pub(crate) fn ask(&self, query: &str) -> Vec<String> {
        let query = format!("SELECT coalesce(q::text, '') FROM ({query}) AS q");
        self.client().query(&query, &[]).unwrap().iter().map(|row| row.get(0)).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = self.command("pg_ctl").args(["stop", "-m", "immediate", "-D"]).arg(self.data()).output();
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A wire to a server that can be told to be cut when the server says that a transaction is committed.
pub(crate) struct Wire {
    pub(crate) port: u16,
    cuts: Arc<AtomicBool>,
}

impl Wire {
    pub(crate) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let cuts = Arc::new(AtomicBool::new(false));
        let cut = cuts.clone();
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, Ok(server)) = (client.unwrap(), TcpStream::connect(("127.0.0.1", server))) else {
                    continue;
                };
                let (to_server, from_client) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || pass_on(from_client, to_server, &AtomicBool::new(false)));
                let cut = cut.clone();
                thread::spawn(move || pass_on(server, client, &cut));
            }
        });
        Self { port, cuts }
    }

    /// Cuts the wire at the next commit: the server has done it, and its answer does not arrive.
    pub(crate) fn cut_at_commit(&self) {
        self.cuts.store(true, Ordering::SeqCst);
    }

    pub(crate) fn was_cut(&self) -> bool {
        !self.cuts.load(Ordering::SeqCst)
    }

    pub(crate) fn address(&self) -> String {
        format!("host=127.0.0.1 port={} user=tester dbname=postgres", self.port)
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, cuts: &AtomicBool) {
    let mut bytes = [0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let commits = bytes[..read].windows(7).any(|word| word == b"COMMIT\0");
        if commits && cuts.swap(false, Ordering::SeqCst) {
            break;
        }
        if to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
