//! The sources of a job: what is said on its context.

use std::path::PathBuf;

#[cfg(any(feature = "csv", feature = "json", feature = "parquet"))]
use serde::de::DeserializeOwned;

#[cfg(any(feature = "csv", feature = "json", feature = "parquet"))]
use super::Record;
use super::logged::{Logged, Logging};
use super::{Receiver, ReceiverSource, Source, SourceError, Stdin, TextBlock, TextFiles};
use crate::context::StreamingContext;
use crate::dstream::{DStream, SourceNode, TextStream};
use crate::recovery::unique_name;
use crate::schedule::Trigger;

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

    /// The rows of the files with a JSON value on each line: of a file, of a `.gz` file, or of the files in a directory.
    /// A line that does not fit the type is malformed, and skipped.
    ///
    /// The same as `ctx.text_files(path)?.parse(json::<T>)`, where there is more to set: [`TextFiles`],
    /// [`on_malformed`](TextStream::on_malformed), [`parse_or_divert`](TextStream::parse_or_divert).
    ///
    /// # Errors
    /// [`SourceError`] if there is no such file or it cannot be read.
    #[cfg(feature = "json")]
    pub fn json_files<T: Record + DeserializeOwned>(
        &self,
        path: impl Into<PathBuf>,
    ) -> Result<DStream<T>, SourceError> {
        Ok(self.text_files(path)?.parse(crate::dstream::json::<T>))
    }

    /// The records of CSV files.
    #[cfg(feature = "csv")]
    pub fn csv(&self, files: impl Source<Item = super::CsvBlock>) -> crate::dstream::CsvStream {
        crate::dstream::CsvStream::new(self.add_source(files, false))
    }

    /// The rows of a CSV file, of a `.gz` file, or of the files in a directory, each with a header. A record that does not
    /// fit the type is malformed, and skipped.
    ///
    /// The same as `ctx.csv(CsvFiles::new(path)?).parse::<T>()`, where there is more to set.
    ///
    /// # Errors
    /// [`SourceError`] if there is no such file or it cannot be read.
    #[cfg(feature = "csv")]
    pub fn csv_files<T: Record + DeserializeOwned>(&self, path: impl Into<PathBuf>) -> Result<DStream<T>, SourceError> {
        Ok(self.csv(super::CsvFiles::new(path)?).parse())
    }

    /// The rows of a Parquet file, or of the files in a directory. Where there is something to set, give
    /// [`ParquetFiles`](super::ParquetFiles) to [`source`](Self::source).
    ///
    /// # Errors
    /// [`SourceError`] if there is no such file or it is not Parquet.
    #[cfg(feature = "parquet")]
    pub fn parquet_files<T>(&self, path: impl Into<PathBuf>) -> Result<DStream<T>, SourceError>
    where
        T: Record + DeserializeOwned,
    {
        Ok(self.source(super::ParquetFiles::new(path)?))
    }

    /// The lines of the standard input.
    pub fn stdin(&self) -> TextStream {
        self.text(Stdin::new())
    }

    /// A source that cannot replay is read from its log, if the job is written down and the source can be logged.
    fn add_source<S: Source>(&self, source: S, counts_rows: bool) -> DStream<S::Item> {
        let (graph, settings) = (self.graph(), self.settings());
        match (&settings.storage, source.codec()) {
            (Some(storage), Some(codec)) if !source.replays() => {
                let name = unique_name(source.name(), &graph.parts().sources);
                let ahead = settings.trigger != Trigger::Available;
                let logging = Logging { storage: storage.clone(), name, ahead };
                let (logged, log) = Logged::new(source, codec, logging);
                graph.add_log(log);
                self.add_as_it_is(logged, counts_rows)
            }
            _ => self.add_as_it_is(source, counts_rows),
        }
    }

    fn add_as_it_is<S: Source>(&self, source: S, counts_rows: bool) -> DStream<S::Item> {
        let graph = self.graph();
        let (node, driven) = SourceNode::new(source, graph.source_input(), counts_rows);
        let operator = graph.add_source(driven);
        match counts_rows {
            true => DStream::new(graph.clone(), operator, node),
            // Lines are counted where they are parsed.
            false => DStream::counted(graph.clone(), operator, node, |_| 0),
        }
    }
}
