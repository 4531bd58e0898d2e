use datasketches::bloom::BloomFilterBuilder;
use streamgauge::sketches::{
    Absorb, Bloom, ClassicBloom, Estimate, Hashed, Membership, PortableHash, ScalableBloom, Summary,
};
use streamgauge_benches::report::{Plot, Report, Scale, Table};

/// The items of the filters that are compared.
const ITEMS: usize = 1_000_000;

pub(crate) fn report(scale: Scale) -> Report {
    let mut report = Report::default();
    false_positives(scale, &mut report);
    growing(scale, &mut report);
    by_load(scale, &mut report);
    numbers_of_items(scale, &mut report);
    report
}

/// The share of absent keys that are found.
fn share(absent: &[u64], found: impl Fn(&u64) -> bool) -> f64 {
    absent.iter().filter(|key| found(key)).count() as f64 / absent.len() as f64
}

fn absorbed<S: Absorb<u64>>(mut filter: S, keys: &[u64]) -> S {
    filter.absorb_all(keys);
    filter
}

fn bits_a_key(filter: &impl Summary) -> f64 {
    filter.memory_bytes() as f64 * 8.0 / ITEMS as f64
}

/// So many different keys: as good as random, or one after the other.
fn keys(random: bool, count: usize) -> Vec<u64> {
    (0..count as u64).map(|i| if random { i.portable_hash(3) } else { i }).collect()
}

fn false_positives(scale: Scale, report: &mut Report) {
    let asked = scale.trials(10_000_000);
    let mut table = Table::new(
        "membership-rates",
        format!("False positives (%) of filters made for 1,000,000 items, {asked} absent items asked"),
        ["wish, keys", "Bloom", "as read", "ClassicBloom", "as read", "datasketches", "fastbloom", "sbbf-rs-safe"]
            .map(String::from),
    );
    let mut bits = Table::new(
        "membership-bits",
        "Bits an item of filters made for 1,000,000 items",
        ["wish", "Bloom", "ClassicBloom", "datasketches", "fastbloom", "sbbf-rs-safe", "log₂ (1/p)"],
    );
    let (mut worst, mut worst_read) = (0.0_f64, 0.0_f64);
    for random in [true, false] {
        let keys = keys(random, ITEMS + asked);
        let (present, absent) = keys.split_at(ITEMS);
        for (wish, sbbf_bits) in [(0.1, 6), (0.01, 11), (0.001, 17)] {
            let bloom = absorbed(Bloom::for_items(ITEMS as u64, wish).expect("an allowed size"), present);
            let classic = absorbed(ClassicBloom::for_items(ITEMS as u64, wish).expect("an allowed size"), present);
            let mut apache = BloomFilterBuilder::with_accuracy(ITEMS as u64, wish).build().expect("an allowed size");
            let mut fast = fastbloom::BloomFilter::with_false_pos(wish).seed(&7).expected_items(ITEMS);
            let mut sbbf = sbbf_rs_safe::Filter::new(sbbf_bits, ITEMS);
            for key in present {
                apache.insert(key);
                fast.insert(key);
                sbbf.insert_hash(key.portable_hash(7));
            }
            let ours = share(absent, |key| bloom.contains(key));
            let ours_classic = share(absent, |key| classic.contains(key));
            worst = worst.max(ours_classic / wish);
            for (found, read) in [(ours, bloom.false_positive_rate()), (ours_classic, classic.false_positive_rate())] {
                // In standard deviations of what is counted.
                worst_read = worst_read.max((found - read).abs() / (read / asked as f64).sqrt());
            }
            let figures = [
                ours,
                bloom.false_positive_rate(),
                ours_classic,
                classic.false_positive_rate(),
                share(absent, |key| apache.contains(key)),
                share(absent, |key| fast.contains(key)),
                share(absent, |key| sbbf.contains_hash(key.portable_hash(7))),
            ];
            let order = if random { "random" } else { "consecutive" };
            table.row(format!("{} %, {order}", wish * 100.0), figures.map(|rate| rate * 100.0));
            if random {
                let figures = [
                    bits_a_key(&bloom),
                    bits_a_key(&classic),
                    apache.capacity() as f64 / ITEMS as f64,
                    fast.num_bits() as f64 / ITEMS as f64,
                    sbbf.as_bytes().len() as f64 * 8.0 / ITEMS as f64,
                    -f64::log2(wish),
                ];
                bits.row(format!("{} %", wish * 100.0), figures);
            }
        }
        // At exactly 11 bits an item.
        let bloom = absorbed(Bloom::with_blocks(ITEMS as u64 * 11 / 256).expect("an allowed size"), present);
        let rate = share(absent, |key| bloom.contains(key)) * 100.0;
        let (order, size) =
            (if random { "random" } else { "consecutive" }, bloom.blocks() as f64 * 256.0 / ITEMS as f64);
        let goal = format!("Bloom at {size:.2} bits an item, {order} keys: {rate:.3} % false positives, goal 1 %");
        report.verdicts.push((goal, rate <= 1.0 && size <= 11.0));
    }
    report.verdicts.push((
        format!("ClassicBloom: at most {worst:.3} × the wished rate at 10, 1 and 0.1 %, goal 1.05"),
        worst <= 1.05,
    ));
    report.verdicts.push((
        format!("Rates as read: at most {worst_read:.1} standard deviations from what is counted, goal 4"),
        worst_read <= 4.0,
    ));
    report.tables.extend([table, bits]);
}

fn growing(scale: Scale, report: &mut Report) {
    const FIRST: u64 = 10_000;
    let asked = scale.trials(10_000_000) as u64;
    let mut table = Table::new(
        "membership-growing",
        format!("ScalableBloom with a first stage for 10,000 items, wish 1 %, {asked} absent items asked"),
        ["items", "false positives (%)", "as read (%)", "stages", "bits an item", "fastbloom for 10,000 (%)"]
            .map(String::from),
    );
    let absent: Vec<u64> = (1 << 40..(1 << 40) + asked).collect();
    for times in [1, 10, 100] {
        let items: Vec<u64> = (0..times * FIRST).collect();
        let filter = absorbed(ScalableBloom::for_items(FIRST, 0.01).expect("an allowed size"), &items);
        let mut fixed = fastbloom::BloomFilter::with_false_pos(0.01).seed(&7).expected_items(FIRST as usize);
        fixed.insert_all(&items);
        let rate = share(&absent, |item| filter.contains(item)) * 100.0;
        let read = filter.false_positive_rate() * 100.0;
        let bits = filter.memory_bytes() as f64 * 8.0 / items.len() as f64;
        let fixed = share(&absent, |item| fixed.contains(item)) * 100.0;
        table.row(format!("{times} × 10,000"), [rate, read, filter.stages() as f64, bits, fixed]);
        let goal = format!("ScalableBloom at {times} × its first items: {rate:.3} % false positives, wish 1 %");
        report.verdicts.push((goal, rate <= 1.0));
    }
    report.tables.push(table);
}

fn by_load(scale: Scale, report: &mut Report) {
    const MADE_FOR: u64 = 100_000;
    let asked = scale.trials(1_000_000) as u64;
    let absent: Vec<u64> = (1 << 40..(1 << 40) + asked).collect();
    let items: Vec<u64> = (0..4 * MADE_FOR).collect();
    let mut bloom = Bloom::for_items(MADE_FOR, 0.01).expect("an allowed size");
    let mut classic = ClassicBloom::for_items(MADE_FOR, 0.01).expect("an allowed size");
    let mut scalable = ScalableBloom::for_items(MADE_FOR, 0.01).expect("an allowed size");
    let mut lines: Vec<(String, Vec<(f64, f64)>)> =
        ["Bloom", "Bloom, as read", "ClassicBloom", "ClassicBloom, as read", "ScalableBloom", "ScalableBloom, as read"]
            .map(|name| (name.to_owned(), Vec::new()))
            .into();
    for (step, part) in items.chunks(MADE_FOR as usize / 5).enumerate() {
        bloom.absorb_all(part);
        classic.absorb_all(part);
        scalable.absorb_all(part);
        let load = (step + 1) as f64 / 5.0;
        let rates = [
            share(&absent, |item| bloom.contains(item)),
            bloom.false_positive_rate(),
            share(&absent, |item| classic.contains(item)),
            classic.false_positive_rate(),
            share(&absent, |item| scalable.contains(item)),
            scalable.false_positive_rate(),
        ];
        for ((_, line), rate) in lines.iter_mut().zip(rates) {
            line.push((load, rate * 100.0));
        }
    }
    report.plots.push(Plot {
        name: "membership-load",
        title: "False positives of filters made for 100,000 items at 1 %, as they fill".to_owned(),
        x: ("items, of those it was made for".to_owned(), false),
        y: ("false positives (%)".to_owned(), true),
        lines,
    });
}

fn numbers_of_items(scale: Scale, report: &mut Report) {
    let trials = scale.trials(2_000);
    let mut table = Table::new(
        "membership-items",
        format!("Number of items by the bits set, filters made for 10,000 items at 1 %, {trials} trials"),
        ["items", "Bloom: error (%)", "inside (%)", "ClassicBloom: error (%)", "inside (%)"].map(String::from),
    );
    let bloom = Bloom::for_items(10_000, 0.01).expect("an allowed size");
    let classic = ClassicBloom::for_items(10_000, 0.01).expect("an allowed size");
    let mut least = trials;
    for items in [10, 100, 1_000, 10_000, 30_000_u64] {
        let truth = items as f64;
        let mut sums = [(0.0, 0), (0.0, 0)];
        for trial in 0..trials as u64 {
            let hashes: Vec<u64> = (0..items).map(|item| item.portable_hash(trial)).collect();
            let estimates: [Estimate; 2] = {
                let (mut bloom, mut classic) = (bloom.clone(), classic.clone());
                bloom.absorb_hashes(&hashes);
                classic.absorb_hashes(&hashes);
                [bloom.items(), classic.items()]
            };
            for ((squares, inside), estimate) in sums.iter_mut().zip(estimates) {
                *squares += (estimate.value / truth - 1.0).powi(2);
                *inside += usize::from(estimate.contains(truth));
            }
        }
        let figures = sums.map(|(squares, inside)| {
            least = least.min(inside);
            [(squares / trials as f64).sqrt() * 100.0, inside as f64 / trials as f64 * 100.0]
        });
        table.row(items.to_string(), figures.concat());
    }
    report.tables.push(table);
    let goal = format!("Number of items: at least {least} of {trials} intervals hold, goal 1,862 of 2,000");
    report.verdicts.push((goal, least * 2_000 >= 1_862 * trials));
}
