//! The forms that bytes come in, and what is done with what they decode to.

use std::hint::black_box;

use serde::{Serialize, de::DeserializeOwned};
use streamgauge_sketches::hash::HASH_ID;
use streamgauge_sketches::{Absorb, Codec, DecodeError, Merge, Panes, Summary, Weight};

use crate::memory;

const IMAGE: u8 = 0;
const CONTENT: u8 = 1;
const STORED: u8 = 2;
const WINDOW: u8 = 3;

/// What decoding may hold at once: a vector is begun with up to a megabyte on the word of its length, and the forms
/// of a summary in memory and in storage differ in size.
fn allowed(bytes: usize) -> usize {
    (8 << 20) + 64 * bytes
}

/// A learner may be as large as its parameters say, however little it has seen: a table of 2^24 numbers, and twice that
/// while it is made.
const LARGEST_LEARNER: usize = 320 << 20;

fn within_memory<T>(bytes: &[u8], decode: impl FnOnce() -> T) -> T {
    within(allowed(bytes.len()), bytes, decode)
}

fn within<T>(allowed: usize, bytes: &[u8], decode: impl FnOnce() -> T) -> T {
    let (decoded, held) = memory::most(decode);
    assert!(held <= allowed, "decoding {} bytes held {held}", bytes.len());
    decoded
}

/// Decodes an input of any form and uses what comes out.
pub(crate) fn attack<S, Q>(input: &[u8], empty: &S, item: fn(u64) -> Q, ask: fn(&S))
where
    S: Absorb<Q> + Merge + Codec,
{
    let Some((&form, bytes)) = input.split_first() else {
        return;
    };
    match form % 4 {
        IMAGE => decoded(within_memory(bytes, || S::from_bytes(bytes)).ok(), empty, item, ask),
        CONTENT => {
            let Some((head, content)) = bytes.split_at_checked(9) else {
                return;
            };
            let image = envelope::<S>(head[0], &head[1..], content);
            let summary = within_memory(bytes, || S::from_bytes(&image));
            if let Err(DecodeError::Checksum { .. } | DecodeError::Magic(_) | DecodeError::Family { .. }) = &summary {
                panic!("an envelope is as it should be");
            }
            decoded(summary.ok(), empty, item, ask);
        }
        STORED => decoded(within_memory(bytes, || postcard::from_bytes(bytes)).ok(), empty, item, ask),
        _ => {
            if let Ok(window) = within_memory(bytes, || postcard::from_bytes::<Panes<S>>(bytes)) {
                slide(window, empty, item, ask);
            }
        }
    }
}

/// The same for a learner, which is no window's business.
pub(crate) fn attack_learner<L: Summary + Codec>(input: &[u8], teach: fn(&mut L, u64), ask: fn(&L)) {
    let Some((&form, bytes)) = input.split_first() else {
        return;
    };
    let learner = match form % 3 {
        IMAGE => within(LARGEST_LEARNER, bytes, || L::from_bytes(bytes)).ok(),
        CONTENT => {
            let image = envelope::<L>(L::VERSION as u8, &[0; 8], bytes);
            within(LARGEST_LEARNER, bytes, || L::from_bytes(&image)).ok()
        }
        _ => within(LARGEST_LEARNER, bytes, || postcard::from_bytes(bytes)).ok(),
    };
    let Some(mut learner) = learner else {
        return;
    };
    comes_back(&learner);
    look(&learner, ask);
    (0..40).for_each(|n| teach(&mut learner, n * 37 % 600));
    learner.end_batch();
    look(&learner, ask);
    comes_back(&learner);
    if let Some(decay) = L::DECAY {
        for factor in [0.5, 0.0] {
            decay(&mut learner, factor);
            look(&learner, ask);
        }
        teach(&mut learner, 7);
        comes_back(&learner);
    }
}

/// Valid inputs of all forms of a learner: of nothing, of little, of more.
pub(crate) fn learner_seeds<L: Summary + Codec>(empty: &L, teach: fn(&mut L, u64)) -> Vec<Vec<u8>> {
    let form = |form: u8, bytes: &[u8]| [&[form], bytes].concat();
    let forms = |items: u64| {
        let mut learner = empty.clone();
        (0..items).for_each(|n| teach(&mut learner, n * 31 % 997));
        let image = learner.to_bytes();
        let content = form(CONTENT, &image[26..image.len() - 4]);
        [form(IMAGE, &image), content, form(2, &stored(&learner))]
    };
    [0, 1, 40, 600].into_iter().flat_map(forms).collect()
}

/// An image around some content.
fn envelope<S: Codec>(version: u8, hash_seed: &[u8], content: &[u8]) -> Vec<u8> {
    let mut image = b"SGS1".to_vec();
    image.extend((S::FAMILY as u16).to_le_bytes());
    image.extend(u16::from(version).to_le_bytes());
    image.extend([HASH_ID, 0]);
    image.extend(hash_seed);
    image.extend((content.len() as u64).to_le_bytes());
    image.extend(content);
    let checksum = crc32fast::hash(&image);
    image.extend(checksum.to_le_bytes());
    image
}

fn stored<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("everything can be stored")
}

fn restored<T: DeserializeOwned>(bytes: &[u8]) -> T {
    postcard::from_bytes(bytes).expect("what was stored can be restored")
}

/// Its image decodes to what has the same image; so does what is stored.
fn comes_back<S: Summary + Codec>(summary: &S) {
    let image = summary.to_bytes();
    let again = S::from_bytes(&image).expect("what was decoded has an image that decodes");
    assert!(again.to_bytes() == image, "an image decodes to what has the same image");
    assert!(restored::<S>(&stored(summary)).to_bytes() == image, "what is restored has the same image");
}

fn decoded<S, Q>(summary: Option<S>, empty: &S, item: fn(u64) -> Q, ask: fn(&S))
where
    S: Absorb<Q> + Merge + Codec,
{
    let Some(summary) = summary else {
        return;
    };
    comes_back(&summary);
    look(&summary, ask);

    let mut twice = summary.clone();
    twice.merge(&summary).expect("a summary merges with itself");
    look(&twice, ask);
    let mut fresh = empty.clone();
    // It may have other parameters than the fresh one.
    let _ = fresh.merge(&summary);
    look(&fresh, ask);
    let mut grown = summary.clone();
    let _ = grown.merge(empty);
    absorb(&mut grown, item);
    look(&grown, ask);
    comes_back(&grown);
    if let Some(decay) = S::DECAY {
        for factor in [1.0, 0.5, 1e-3, 0.0] {
            let mut faded = grown.clone();
            decay(&mut faded, factor);
            look(&faded, ask);
            comes_back(&faded);
        }
    }

    let mut window = Panes::<S>::new(3, 1);
    for (pane, summary) in [(-1, grown), (0, summary), (1, twice), (3, fresh)] {
        let _ = window.push(pane, summary);
        let _ = window.evict(pane - 2);
        let _ = window.reading();
    }
    slide(restored(&stored(&window)), empty, item, ask);
}

fn look<S: Summary>(summary: &S, ask: fn(&S)) {
    black_box(summary.read());
    ask(summary);
    assert!(summary.memory_bytes() > 0);
}

fn absorb<S: Absorb<Q>, Q>(summary: &mut S, item: fn(u64) -> Q) {
    for n in [0, 7, u64::MAX, 7] {
        summary.absorb(&item(n));
    }
    summary.absorb_all(&(0..40).map(|n| item(n * 37 % 600)).collect::<Vec<_>>());
    if let Some(absorb) = S::WEIGHTED {
        absorb(summary, &item(7), Weight::new(2.5));
        absorb(summary, &item(8), Weight::MAX);
    }
}

/// Slides a window on that may hold anything.
fn slide<S, Q>(mut window: Panes<S>, empty: &S, item: fn(u64) -> Q, ask: fn(&S))
where
    S: Absorb<Q> + Merge + Codec,
{
    let look_at = |window: &Panes<S>| {
        let _ = black_box(window.reading());
        if let Ok(Some(total)) = window.total() {
            look(&total, ask);
        }
        assert!(window.memory_bytes() > 0);
        black_box(window.is_empty());
    };
    look_at(&window);
    let mut pane = empty.clone();
    absorb(&mut pane, item);
    for number in [i64::MIN, -7, 4, 5, 6, 9, i64::MAX - 1] {
        // Panes of other parameters, or none in order: an error, and the window is used on.
        let _ = window.push(number, pane.clone());
        look_at(&window);
        let _ = window.evict(number.saturating_sub(2));
        look_at(&window);
        // What a damaged window slides to may be refused, as an error, where it is restored next.
        window = postcard::from_bytes(&stored(&window)).unwrap_or(window);
    }
    let _ = window.evict(i64::MAX);
    look_at(&window);
}

/// Valid inputs of all forms: of nothing, of little, of more.
pub(crate) fn seeds<S, Q>(empty: &S, item: fn(u64) -> Q) -> Vec<Vec<u8>>
where
    S: Absorb<Q> + Merge + Codec,
{
    let some = |items: std::ops::Range<u64>| {
        let mut summary = empty.clone();
        summary.absorb_all(&items.map(item).collect::<Vec<_>>());
        summary
    };
    let mut seeds = Vec::new();
    let form = |form: u8, bytes: &[&[u8]]| [&[form], bytes.concat().as_slice()].concat();
    for items in [0, 1, 8, 40, 300] {
        let summary = some(0..items);
        let image = summary.to_bytes();
        let (header, content) = (&image[..26], &image[26..image.len() - 4]);
        seeds.push(form(IMAGE, &[&image]));
        seeds.push(form(CONTENT, &[&[S::VERSION as u8], &header[10..18], content]));
        seeds.push(form(STORED, &[&stored(&summary)]));
    }
    for panes in [1, 4] {
        let mut window = Panes::<S>::new(panes, 2);
        for pane in 0..6 {
            let summary = some(pane * 10..pane * 15);
            window.push(pane as i64, summary).expect("panes of the same parameters are pushed");
            window.evict(pane as i64 - i64::from(panes) + 1).expect("panes of the same parameters are evicted");
            if pane != 4 {
                seeds.push(form(WINDOW, &[&stored(&window)]));
            }
        }
    }
    seeds
}
