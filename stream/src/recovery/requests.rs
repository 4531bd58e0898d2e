//! Requests to an object store, for code that is not asynchronous.

use std::future::Future;
use std::io;
use std::sync::mpsc;
use std::thread;

use object_store::Error;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Runs the requests on a thread of its own, so that they can be waited for anywhere, also within an async runtime.
pub(crate) struct Requests {
    handle: Handle,
    /// Dropped, it ends the thread.
    _running: oneshot::Sender<()>,
}

impl Requests {
    pub(crate) fn begin() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (_running, ended) = oneshot::channel::<()>();
        let run = move || {
            // It ends by the sender's being dropped, which is an error of the channel.
            let _ = runtime.block_on(ended);
        };
        thread::Builder::new().name("streamgauge objects".to_owned()).spawn(run)?;
        Ok(Self { handle, _running })
    }

    /// The answer to a request.
    pub(crate) fn wait<R, F>(&self, request: F) -> io::Result<R>
    where
        R: Send + 'static,
        F: Future<Output = Result<R, Error>> + Send + 'static,
    {
        let (sender, answer) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            // Whoever asked is gone: nobody wants to know.
            let _ = sender.send(request.await);
        });
        // A request that panics drops the sender.
        let answer = answer.recv().map_err(|_| io::Error::other("the request to the object store has panicked"))?;
        answer.map_err(|e| {
            let kind = match &e {
                Error::NotFound { .. } => io::ErrorKind::NotFound,
                Error::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
                Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
                _ => io::ErrorKind::Other,
            };
            io::Error::new(kind, e)
        })
    }
}
