//! The operators of a job as they are described: what each is, and what it is made of.

use std::collections::{HashMap, HashSet};

use crate::monitor::OperatorNode;

/// An operator, by its number in the order of the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OperatorId(pub(crate) u32);

impl OperatorId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an operator is called.
#[derive(Debug)]
pub(super) enum Name {
    /// This; no other operator is.
    Own(String),
    /// This, with a number if another operator is.
    Wanted(String),
    /// Its kind and a number.
    Numbered,
}

#[derive(Debug)]
struct Described {
    name: Name,
    kind: &'static str,
    rows: &'static str,
    inputs: Vec<OperatorId>,
}

/// The operators of a job in the order in which it describes them: each comes after all that it reads.
#[derive(Debug, Default)]
pub(crate) struct Operators(Vec<Described>);

impl Operators {
    pub(super) fn add(&mut self, name: Name, kind: &'static str, inputs: Vec<OperatorId>) -> OperatorId {
        self.0.push(Described { name, kind, rows: "", inputs });
        OperatorId((self.0.len() - 1) as u32)
    }

    /// Takes note of the type of the rows of an operator.
    pub(super) fn gives(&mut self, operator: OperatorId, rows: &'static str) {
        if let Some(described) = self.0.get_mut(operator.index()) {
            described.rows = rows;
        }
    }

    /// An operator and all that it is made of.
    #[cfg(feature = "dashboard")]
    pub(super) fn above(&self, operator: Option<OperatorId>) -> Vec<OperatorId> {
        let mut above: Vec<OperatorId> = operator.into_iter().collect();
        let mut next = 0;
        while let Some(operator) = above.get(next).copied() {
            let inputs = self.0.get(operator.index()).into_iter().flat_map(|described| &described.inputs);
            let new: Vec<_> = inputs.copied().filter(|input| !above.contains(input)).collect();
            above.extend(new);
            next += 1;
        }
        above
    }

    /// The operators with their names, which are told here only: what is numbered keeps clear of what is named,
    /// whichever was described first.
    pub(super) fn nodes(&self, taken: &HashSet<String>) -> Vec<OperatorNode> {
        let mut names = Names { taken: taken.clone(), next: HashMap::new() };
        let mut nodes: Vec<OperatorNode> = Vec::with_capacity(self.0.len());
        for Described { name, kind, rows, inputs } in &self.0 {
            let name = match name {
                Name::Own(name) => name.clone(),
                Name::Wanted(name) if names.taken.insert(name.clone()) => name.clone(),
                Name::Wanted(name) => names.numbered(name, 2),
                Name::Numbered => names.numbered(kind, 1),
            };
            let inputs = inputs.iter().filter_map(|input| nodes.get(input.index())).map(|node| node.name.to_string());
            let (name, inputs) = (name.into(), inputs.collect());
            nodes.push(OperatorNode { name, kind, inputs, rows: without_paths(rows) });
        }
        nodes
    }
}

struct Names {
    taken: HashSet<String>,
    /// By what is numbered: the number to try next.
    next: HashMap<String, usize>,
}

impl Names {
    fn numbered(&mut self, what: &str, first: usize) -> String {
        let next = self.next.entry(what.to_owned()).or_insert(first);
        loop {
            let name = format!("{what} {next}");
            *next += 1;
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// The name of a type without the paths in it: `(String, Option<u64>)`.
fn without_paths(name: &str) -> String {
    /// Types may have names of any length.
    const LONGEST: usize = 200;
    let mut short = String::new();
    // Where the path begins that is being read.
    let mut path = 0;
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        if c == ':' && rest.next_if_eq(&':').is_some() {
            // What stands before is a part of the path, unless it is a type in brackets.
            if path < short.len() {
                short.truncate(path);
            } else {
                short.push_str("::");
                path = short.len();
            }
            continue;
        }
        short.push(c);
        if !c.is_alphanumeric() && c != '_' {
            path = short.len();
        }
    }
    short.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_without_paths() {
        for (name, short) in [
            ("u64", "u64"),
            ("&str", "&str"),
            ("(alloc::string::String, core::option::Option<u64>)", "(String, Option<u64>)"),
            ("alloc::vec::Vec<[my_job::Visit; 3]>", "Vec<[Visit; 3]>"),
            ("<a::B as c::D>::E", "<B as D>::E"),
            ("", ""),
        ] {
            assert_eq!(without_paths(name), short);
        }
        assert_eq!(without_paths(&"x".repeat(1_000)).len(), 200);
    }

    #[test]
    fn numbers_keep_clear_of_names() {
        let mut operators = Operators::default();
        let lines = operators.add(Name::Wanted("lines".to_owned()), "source", Vec::new());
        let more = operators.add(Name::Wanted("lines".to_owned()), "source", Vec::new());
        let map = operators.add(Name::Numbered, "map", vec![lines]);
        operators.add(Name::Own("map 1".to_owned()), "window", vec![map, more]);
        operators.add(Name::Numbered, "map", vec![more]);
        let nodes = operators.nodes(&HashSet::from(["map 1".to_owned()]));
        let names: Vec<_> = nodes.iter().map(|node| (&*node.name, node.inputs.join(", "))).collect();
        let expected =
            [("lines", ""), ("lines 2", ""), ("map 2", "lines"), ("map 1", "map 2, lines 2"), ("map 3", "lines 2")];
        assert_eq!(names, expected.map(|(name, inputs)| (name, inputs.to_owned())));
    }
}
