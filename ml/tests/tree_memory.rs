#![allow(clippy::unwrap_used)]
//! The bytes of trees, held against a counting allocator.

mod support;

use allocation_counter::{AllocationInfo, measure};
use streamgauge_ml::tree::{ExtremelyFastTree, Growth, HoeffdingTree, Observer};
use streamgauge_ml::{Attribute, Classifier, Dataset, Schema};
use streamgauge_sketches::Summary;

/// Rows that a tree splits again and again: of two numbers and two nominal attributes.
fn rows(count: u32) -> Dataset {
    let nominal = |categories| Attribute::Nominal { categories };
    let schema = Schema::new([Attribute::Numeric, Attribute::Numeric, nominal(3), nominal(12)], 3).unwrap();
    let mut rows = Dataset::new(schema);
    for i in 0..count {
        let hash = i.wrapping_mul(2_654_435_761) >> 7;
        let (x, y, kind) = (hash % 1_009, hash / 1_009 % 97, hash / 13 % 3);
        let class = if kind == 2 { 2 } else { u32::from(x + (hash / 5 % 12) * 30 > 10 * y) };
        rows.push(&[f64::from(x), f64::from(y), f64::from(kind), f64::from(hash / 5 % 12)], class as usize);
    }
    rows
}

/// A tree on the heap that is counted.
struct Counted<L> {
    tree: L,
    heap: i64,
}

impl<L: Classifier<Row = [f64]>> Counted<L> {
    fn new(make: impl Fn() -> L) -> Self {
        let mut tree = None;
        let heap = measure(|| tree = Some(make())).bytes_current;
        Self { tree: tree.unwrap(), heap }
    }

    fn learn(&mut self, row: &[f64], class: usize) -> (Option<usize>, AllocationInfo) {
        let mut predicted = None;
        let counted = measure(|| predicted = self.tree.predict_and_learn(row, class).unwrap());
        self.heap += counted.bytes_current;
        (predicted, counted)
    }

    /// The bytes that the allocator has given out, and the tree itself.
    fn bytes(&self) -> usize {
        usize::try_from(self.heap).unwrap() + size_of::<L>()
    }
}

/// The bytes that a tree tells are those of the allocator, after every row, and within the cap.
fn check<L: Classifier<Row = [f64]>>(make: impl Fn() -> L, cap: usize, rows: &Dataset, what: &str) {
    let mut counted = Counted::new(make);
    for (at, (row, class)) in rows.iter().enumerate() {
        counted.learn(row, class);
        assert_eq!(counted.tree.memory_bytes(), counted.bytes(), "{what}, row {at}");
        assert!(counted.bytes() <= cap, "{what}, row {at}: {} bytes", counted.bytes());
    }
}

#[test]
fn bytes_are_exact_and_within_the_cap_after_every_row() {
    let rows = rows(20_000);
    let schema = rows.schema();
    for observer in [Observer::Gaussian, Observer::Exhaustive] {
        for kib in [1, 4, 16, 64, 1 << 20] {
            let growth = || Growth::new().grace(50).unwrap().observer(observer).memory(kib << 10);
            let what = format!("{observer:?}, {kib} KiB");
            check(|| HoeffdingTree::with_growth(schema.clone(), growth()).unwrap(), kib << 10, &rows, &what);
            check(|| ExtremelyFastTree::with_growth(schema.clone(), growth(), 300).unwrap(), kib << 10, &rows, &what);
        }
    }
    let forest = || Growth::new().grace(50).unwrap().subspace(2).unwrap().memory(64 << 10);
    check(|| HoeffdingTree::with_growth(schema.clone(), forest()).unwrap(), 64 << 10, &rows, "subspace");
    let tiny = HoeffdingTree::with_growth(schema.clone(), Growth::new().memory(100)).unwrap_err();
    assert_eq!(tiny.to_string(), "HoeffdingTree: memory must be enough for an empty tree, not 100");
}

#[test]
fn a_row_allocates_only_where_the_tree_grows() {
    let rows = rows(20_000);
    fn check<L: Classifier<Row = [f64]>>(tree: L, rows: &Dataset, shape: impl Fn(&L) -> (usize, usize)) {
        let (mut counted, mut grown) = (Counted { tree, heap: 0 }, 0);
        for (row, class) in rows.iter() {
            let before = shape(&counted.tree);
            let (_, allocated) = counted.learn(row, class);
            let same = shape(&counted.tree) == before;
            grown += usize::from(!same);
            assert!(!same || allocated.count_total == 0, "{} allocations for a row", allocated.count_total);
        }
        assert!(grown > 5 && grown < 1_000, "{} {grown} {:?}", L::NAME, shape(&counted.tree));
    }
    let schema = rows.schema();
    let growth = || Growth::new().delta(0.01).unwrap().tie(0.2).unwrap();
    check(HoeffdingTree::with_growth(schema.clone(), growth()).unwrap(), &rows, |tree| (tree.nodes(), tree.active()));
    // A split that is put in the place of another allocates too; here none is.
    let tree = ExtremelyFastTree::with_growth(schema.clone(), growth(), 1 << 30).unwrap();
    check(tree, &rows, |tree| (tree.nodes(), tree.active()));
}

/// A cap of 1 MB over 1,000,000 rows holds, and costs at most 2 points of accuracy; so does one of a quarter of that.
#[test]
fn a_cap_holds_over_a_million_rows() {
    let Some(rows) = support::full_stream("random_tree") else { return };
    let free = run(&rows, usize::MAX);
    for cap in [1 << 20, 256 << 10] {
        let capped = run(&rows, cap);
        assert!(capped > free - 2.0, "{capped:.2} % against {free:.2} %");
    }
}

fn run(rows: &Dataset, cap: usize) -> f64 {
    let mut counted =
        Counted::new(|| HoeffdingTree::with_growth(rows.schema().clone(), Growth::new().memory(cap)).unwrap());
    let (mut right, mut most) = (0_u32, 0);
    for (row, class) in rows.iter() {
        right += u32::from(counted.learn(row, class).0 == Some(class));
        most = most.max(counted.bytes());
        assert!(counted.bytes() <= cap, "{} bytes", counted.bytes());
    }
    let tree = &counted.tree;
    assert_eq!(counted.bytes(), tree.memory_bytes());
    let accuracy = 100.0 * f64::from(right) / rows.len() as f64;
    let (most, leaves, active) = (most >> 10, tree.leaves(), tree.active());
    println!("cap {} KiB: {accuracy:.2} %, at most {most} KiB, {leaves} leaves, {active} active", cap >> 10);
    accuracy
}
