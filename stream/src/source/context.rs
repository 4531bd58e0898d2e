//! The sources of a job: what is said on its context.

use std::path::PathBuf;

use super::{Receiver, ReceiverSource, Source, SourceError, Stdin, TextBlock, TextFiles};
use crate::context::StreamingContext;
use crate::dstream::{DStream, SourceNode, TextStream};

impl StreamingContext {
    /// A stream of the records of a source.
    pub fn source<S: Source>(&self, source: S) -> DStream<S::Item> {
        self.add_source(source, true)
    }

    /// A stream of what a receiver stores. Where there is something to set, give a [`ReceiverSource`] to
    /// [`source`](Self::source).
    pub fn receiver<R: Receiver>(&self, receiver: R) -> DStream<R::Item> {
        self.source(ReceiverSource::new(receiver))
    }

    /// A stream of the lines of a source of text.
    pub fn text(&self, source: impl Source<Item = TextBlock>) -> TextStream {
        TextStream::new(self.add_source(source, false))
    }

    /// The lines of a file, of a `.gz` file, or of the files in a directory. For a file that grows or a directory to
    /// which files are added, give [`TextFiles`] to [`text`](Self::text).
    ///
    /// # Errors
    /// [`SourceError`] if there is no such file or it cannot be read.
    pub fn text_files(&self, path: impl Into<PathBuf>) -> Result<TextStream, SourceError> {
        TextFiles::new(path).map(|files| self.text(files))
    }

    /// The lines of the standard input.
    pub fn stdin(&self) -> TextStream {
        self.text(Stdin::new())
    }

    fn add_source<S: Source>(&self, source: S, counts_rows: bool) -> DStream<S::Item> {
        let graph = self.graph();
        let (node, driven) = SourceNode::new(source, graph.source_input(), counts_rows);
        graph.add_source(driven);
        DStream::new(graph.clone(), node)
    }
}
