//! Files that are named by what they hold and a number that grows: a later one has a higher number, whatever it holds.

/// A file with a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Numbered {
    pub(crate) number: u64,
    pub(crate) name: String,
}

/// The name of the file of a kind.
pub(super) fn name_of(kind: &str, number: u64) -> String {
    format!("{kind}-{number:012}")
}

/// The number in the name of a file of this kind.
pub(super) fn number_in(name: &str, kind: &str) -> Option<u64> {
    name.strip_prefix(kind)?.strip_prefix('-')?.parse().ok()
}

/// The files of a kind among files in their order.
pub(super) fn numbered<'a>(files: &'a [Numbered], kind: &str) -> impl DoubleEndedIterator<Item = &'a Numbered> {
    files.iter().filter(move |file| number_in(&file.name, kind) == Some(file.number))
}
