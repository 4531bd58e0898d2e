//! Labelled rows in CSV.

use std::collections::HashMap;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use streamgauge::ml::{Attribute, Dataset, Schema};

use super::Unreadable;

fn is_missing(cell: &str) -> bool {
    matches!(cell, "" | "?" | "NA") || number(cell).is_some_and(f64::is_nan)
}

fn number(cell: &str) -> Option<f64> {
    cell.parse().ok()
}

/// What the cells of a column are.
#[derive(Default)]
struct Column {
    numbers: u64,
    words: u64,
    /// Whether the cell of the first line occurs again.
    repeats: bool,
}

impl Column {
    fn add(&mut self, cell: &str) {
        match number(cell) {
            _ if is_missing(cell) => {}
            Some(_) => self.numbers += 1,
            None => self.words += 1,
        }
    }

    fn has_numbers_only(&self) -> bool {
        self.words == 0 && self.numbers > 0
    }

    fn is_nominal(&self) -> bool {
        self.words > self.numbers
    }
}

/// A file that has been read.
struct Table<'a> {
    bytes: &'a [u8],
    path: &'a Path,
}

impl Table<'_> {
    fn wrong(&self, why: impl Into<String>) -> Unreadable {
        Unreadable::Csv { path: self.path.to_owned(), why: why.into() }
    }

    fn wrong_line(&self, line: u64, why: impl Into<String>) -> Unreadable {
        Unreadable::Line { path: self.path.to_owned(), line, why: why.into() }
    }

    /// Goes through all lines; they have as many cells as the first.
    fn visit(&self, mut line: impl FnMut(u64, &[&str]) -> Result<(), Unreadable>) -> Result<(), Unreadable> {
        let mut reader: Reader<&[u8]> =
            ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::All).from_reader(self.bytes);
        let mut record = ByteRecord::new();
        let mut width = None;
        loop {
            let more = reader.read_byte_record(&mut record);
            if !more.map_err(|why| self.wrong(why.to_string()))? {
                return Ok(());
            }
            let at = record.position().map_or(0, csv::Position::line);
            let cells: Result<Vec<&str>, _> = record.iter().map(std::str::from_utf8).collect();
            let cells = cells.map_err(|_| self.wrong_line(at, "not UTF-8"))?;
            let expected = *width.get_or_insert(cells.len());
            if cells.len() != expected {
                let why = format!("{} columns, not {expected} as in the first line", cells.len());
                return Err(self.wrong_line(at, why));
            }
            line(at, &cells)?;
        }
    }
}

/// Reads a file: see [`read`](super::read).
pub(super) fn parse(bytes: &[u8], path: &Path) -> Result<Dataset, Unreadable> {
    let table = Table { bytes: bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes), path };
    let (header, columns) = survey(&table)?;
    let Some((class, attributes)) = columns.split_last() else { return Err(table.wrong("there are no rows")) };
    if attributes.is_empty() {
        return Err(table.wrong("one column alone: the last column is the class, those before it the attributes"));
    }
    let title = |at: usize| title(at, header.as_ref().map(|names| &names[at]));
    let nominal: Vec<bool> = attributes.iter().map(Column::is_nominal).collect();

    let mut values: Vec<f64> = Vec::new();
    let mut labels: Vec<u32> = Vec::new();
    let mut categories: Vec<Names> = attributes.iter().map(|_| Names::default()).collect();
    // A number is the same class however it is written.
    let mut classes = Names { numbers: class.has_numbers_only(), ..Names::default() };
    let mut skip = header.is_some();
    table.visit(|line, cells| {
        if std::mem::take(&mut skip) {
            return Ok(());
        }
        for (at, cell) in cells[..attributes.len()].iter().enumerate() {
            values.push(match number(cell) {
                _ if is_missing(cell) => f64::NAN,
                _ if nominal[at] => f64::from(categories[at].of(cell)),
                Some(number) => number,
                None => {
                    let why = format!("{} is '{cell}', which is no number as most others there", title(at));
                    return Err(table.wrong_line(line, why));
                }
            });
        }
        let label = cells[attributes.len()];
        if is_missing(label) {
            return Err(table.wrong_line(line, format!("{}, the class, is missing", title(attributes.len()))));
        }
        labels.push(classes.of(label));
        Ok(())
    })?;
    if labels.is_empty() {
        return Err(table.wrong("there are no rows"));
    }
    if classes.names.len() < 2 {
        let (column, class) = (title(attributes.len()), &classes.names[0]);
        return Err(table.wrong(format!("one class only: {column}, the class, is always '{class}'")));
    }
    let attribute = |(at, nominal): (usize, &bool)| match nominal {
        true => Attribute::Nominal { categories: (categories[at].names.len() as u32).max(1) },
        false => Attribute::Numeric,
    };
    let schema = Schema::new(nominal.iter().enumerate().map(attribute), classes.names.len());
    let mut dataset = Dataset::new(schema.map_err(|why| table.wrong(why.to_string()))?);
    let order = classes.ranks();
    let rows = values.chunks_exact(attributes.len());
    rows.zip(labels).for_each(|(row, label)| dataset.push(row, order[label as usize]));
    Ok(dataset)
}

/// What the columns are, and the names that the header gives them, if there is one.
fn survey(table: &Table<'_>) -> Result<(Option<Vec<String>>, Vec<Column>), Unreadable> {
    let mut first: Vec<String> = Vec::new();
    let mut columns: Vec<Column> = Vec::new();
    table.visit(|_, cells| {
        if columns.is_empty() {
            first = cells.iter().map(|cell| (*cell).to_owned()).collect();
            columns.resize_with(cells.len(), Column::default);
            return Ok(());
        }
        for ((column, cell), first) in columns.iter_mut().zip(cells).zip(&first) {
            column.repeats |= cell == first;
            column.add(cell);
        }
        Ok(())
    })?;
    if is_header(&first, &columns) {
        return Ok((Some(first), columns));
    }
    columns.iter_mut().zip(&first).for_each(|(column, cell)| column.add(cell));
    Ok((None, columns))
}

/// Whether the first line is a header, by what stands below it.
fn is_header(first: &[String], below: &[Column]) -> bool {
    let is_word = |cell: &str| !is_missing(cell) && number(cell).is_none();
    if below.iter().any(Column::has_numbers_only) {
        return below.iter().zip(first).any(|(column, cell)| column.has_numbers_only() && is_word(cell));
    }
    below.iter().any(|column| column.words > 0) && below.iter().all(|column| !column.repeats)
}

fn title(at: usize, name: Option<&String>) -> String {
    match name {
        Some(name) if !name.is_empty() => format!("column {} ({name})", at + 1),
        _ => format!("column {}", at + 1),
    }
}

/// Names, numbered as they first occur.
#[derive(Default)]
struct Names {
    /// Whether they are numbers, however they are written.
    numbers: bool,
    known: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn of(&mut self, name: &str) -> u32 {
        let plain = self.numbers.then(|| number(name)).flatten().map(|number| (number + 0.0).to_string());
        let name = plain.as_deref().unwrap_or(name);
        if let Some(&known) = self.known.get(name) {
            return known;
        }
        let next = self.names.len() as u32;
        self.known.insert(name.to_owned(), next);
        self.names.push(name.to_owned());
        next
    }

    /// Where each stands in order.
    fn ranks(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.names.len()).collect();
        let value = |at: usize| number(&self.names[at]).unwrap_or(f64::NAN);
        if self.numbers {
            order.sort_by(|&a, &b| value(a).total_cmp(&value(b)));
        } else {
            order.sort_by(|&a, &b| self.names[a].cmp(&self.names[b]));
        }
        let mut ranks = vec![0; order.len()];
        order.iter().enumerate().for_each(|(rank, &at)| ranks[at] = rank);
        ranks
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use streamgauge::sketches::random::Draws;

    use super::*;

    fn parsed(text: &str) -> Dataset {
        parse(text.as_bytes(), "rows.csv".as_ref()).unwrap()
    }

    fn told(text: &str) -> String {
        parse(text.as_bytes(), "rows.csv".as_ref()).unwrap_err().to_string()
    }

    fn rows(dataset: &Dataset) -> Vec<(Vec<f64>, usize)> {
        dataset.iter().map(|(row, class)| (row.to_vec(), class)).collect()
    }

    #[test]
    fn numbers_words_and_classes() {
        let read = parsed("size,colour,class\n1.5,red,yes\n-2e3, blue ,no\n0,red,yes\n");
        assert_eq!(read.schema().attributes(), [Attribute::Numeric, Attribute::Nominal { categories: 2 }]);
        // Categories as they come, classes in order.
        assert_eq!(rows(&read), [(vec![1.5, 0.0], 1), (vec![-2e3, 1.0], 0), (vec![0.0, 0.0], 1)]);
        let numbered = parsed("1,10\n2,9\n3,10.0\n4,-1\n");
        assert_eq!(numbered.iter().map(|(_, class)| class).collect::<Vec<_>>(), [2, 1, 2, 0]);
        let quoted = parsed("\"a, b\",\"x\"\r\nc,y\r\n\r\n\"a, b\",y\r\n");
        assert_eq!(rows(&quoted), [(vec![0.0], 0), (vec![1.0], 1), (vec![0.0], 1)]);
    }

    #[test]
    fn a_header_is_recognised_by_what_stands_below() {
        let lines = |text: &str| parsed(text).len();
        assert_eq!(lines("a,class\n1,0\n2,1\n"), 2);
        assert_eq!(lines("\u{feff}a,class\n1,0\n2,1\n"), 2);
        assert_eq!(lines("1,0\n2,1\n"), 2);
        // The class alone is a number, or the attribute alone.
        assert_eq!(lines("a,class\nred,0\nblue,1\n"), 2);
        assert_eq!(lines("a,class\n1,x\n2,y\n"), 2);
        assert_eq!(lines("1,x\n2,y\n"), 2);
        // Words alone: a line whose words occur again is a row.
        assert_eq!(lines("colour,class\nred,x\nblue,y\nred,y\n"), 3);
        assert_eq!(lines("red,x\nblue,y\nblue,x\n"), 3);
        // An index without a name.
        assert_eq!(lines(",a,class\n0,1,x\n1,2,y\n"), 2);
    }

    #[test]
    fn missing_cells_are_nan_whatever_the_column() {
        let read = parsed("a,b,class\n?,red,0\n2,,1\nNA,blue,0\n4,?,1\n");
        assert_eq!(read.schema().attributes()[1], Attribute::Nominal { categories: 2 });
        let missing: Vec<_> = read.iter().map(|(row, _)| (row[0].is_nan(), row[1].is_nan())).collect();
        assert_eq!(missing, [(true, false), (false, true), (true, false), (false, true)]);
        // A column without a single value counts as numbers.
        assert_eq!(parsed("?,1\n,2\n").schema().attributes(), [Attribute::Numeric]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert_eq!(told(""), "rows.csv: there are no rows");
        assert_eq!(told("a,class\n"), "rows.csv: one class only: column 2, the class, is always 'class'");
        assert_eq!(
            told("1\n2\n"),
            "rows.csv: one column alone: the last column is the class, those before it the attributes"
        );
        assert_eq!(told("a,b,class\n1,2,0\n1,0\n"), "rows.csv:3: 2 columns, not 3 as in the first line");
        assert_eq!(told("1,2,0\n1,2,3,1\n"), "rows.csv:2: 4 columns, not 3 as in the first line");
        assert_eq!(
            told("a,class\n1,0\n2,1\noops,1\n"),
            "rows.csv:4: column 1 (a) is 'oops', which is no number as most others there"
        );
        assert_eq!(told("a,class\n1,0\n2,\n"), "rows.csv:3: column 2 (class), the class, is missing");
        assert_eq!(told("a,class\n1,7\n2,7\n"), "rows.csv: one class only: column 2 (class), the class, is always '7'");
        let error = parse(b"a,class\n1,\xff\n", "rows.csv".as_ref()).unwrap_err().to_string();
        assert_eq!(error, "rows.csv:2: not UTF-8");
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let good = b"a,\"b, c\",class\n1,red,0\n2.5,?,1\n,blue,1\nNaN,red,1\n-1e400,x,0\n";
        let mut draws = Draws::new(1);
        let (mut read, mut refused) = (0, 0);
        for _ in 0..20_000 {
            let mut bytes = good.to_vec();
            for _ in 0..=draws.below(4) {
                let at = draws.below(bytes.len() as u64) as usize;
                match draws.below(3) {
                    0 => drop(bytes.drain(at..bytes.len().min(at + draws.below(9) as usize))),
                    1 => bytes[at] = draws.bits() as u8,
                    _ => bytes.insert(at, b",\n\"?0x\xff"[draws.below(7) as usize]),
                }
                if bytes.is_empty() {
                    bytes.push(b'\n');
                }
            }
            match parse(&bytes, "rows.csv".as_ref()) {
                Ok(dataset) => {
                    assert!(!dataset.is_empty() && dataset.schema().classes() >= 2);
                    read += 1;
                }
                Err(_) => refused += 1,
            }
        }
        assert!(read > 100 && refused > 1_000, "{read} read, {refused} refused");
    }
}
