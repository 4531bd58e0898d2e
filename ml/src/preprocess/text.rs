//! Words of texts as features.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::hash::{DEFAULT_SEED, hash_bytes};
use streamgauge_sketches::summary::TwoStacks;
use streamgauge_sketches::{DecodeError, Merge, Mismatch, ParameterError, PortableHash, Summary};

use super::transformer::{Stateless, Transformer};
use crate::error::RowError;
use crate::image::image;

/// Makes of a text its words, hashed to a fixed number of features, with how often each occurs.
///
/// A word is a run of letters and digits, of any script (Unicode's, as Rust's standard library knows them); all else
/// separates. Words are taken in lower case. The feature of a word is its portable hash modulo the number of buckets: no
/// vocabulary is kept, so memory does not grow, bags merge, and a word is the same feature everywhere. Two words that
/// share a bucket are one feature; with four times as many buckets as words that is one word in five.
///
/// The features of a row are ascending and distinct. Learns nothing. Time grows with the length of the text, room with
/// its number of words; nothing is allocated once the room is large enough.
///
/// **When not to use it.** Where the order of words matters, or their meaning; and where one wants to know which word it
/// was: a bucket cannot tell.
///
/// Source: Weinberger, Dasgupta, Langford, Smola, Attenberg, *Feature Hashing for Large Scale Multitask Learning*, 2009
/// (without its signs: naive Bayes wants counts).
///
/// ```
/// use streamgauge_ml::Classifier;
/// use streamgauge_ml::naive_bayes::MultinomialNaiveBayes;
/// use streamgauge_ml::preprocess::{BagOfWords, Transformer};
///
/// let words = BagOfWords::new();
/// let row = words.transform_one("To be, or not to BE?", &mut Default::default())?.to_vec();
/// assert_eq!(row.iter().map(|(_, count)| count).sum::<f64>(), 6.0);
/// assert_eq!(row.len(), 4);
///
/// let mut spam = words.then(MultinomialNaiveBayes::new(words.buckets(), 2)?);
/// spam.learn_one("win a free prize", 1)?;
/// spam.learn_one("see you at home", 0)?;
/// assert_eq!(spam.predict_one("a free home!")?, Some(1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BagOfWords {
    buckets: u32,
    seed: u64,
    pairs: bool,
    case: bool,
    digits: bool,
    presence: bool,
}

impl Default for BagOfWords {
    fn default() -> Self {
        Self::new()
    }
}

impl BagOfWords {
    /// Single words in lower case, counted, in 2¹⁶ buckets.
    pub const fn new() -> Self {
        let (pairs, case, digits, presence) = (false, false, true, false);
        Self { buckets: 1 << 16, seed: DEFAULT_SEED, pairs, case, digits, presence }
    }

    /// Another number of buckets. With many more words than buckets different words become one.
    ///
    /// # Errors
    /// [`ParameterError`] unless it is a power of two up to 2²⁴.
    pub fn with_buckets(self, buckets: usize) -> Result<Self, ParameterError> {
        match u32::try_from(buckets) {
            Ok(buckets) if Self::possible(buckets) => Ok(Self { buckets, ..self }),
            _ => Err(ParameterError {
                summary: Self::NAME,
                parameter: "buckets",
                allowed: "a power of two up to 2^24",
                value: buckets.to_string(),
            }),
        }
    }

    fn possible(buckets: u32) -> bool {
        buckets.is_power_of_two() && buckets <= 1 << 24
    }

    /// Another seed of the hash: other words share a bucket.
    pub const fn with_seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Two words that follow each other are a feature too: twice the features, and some of the order of words.
    pub const fn with_pairs(self) -> Self {
        Self { pairs: true, ..self }
    }

    /// Upper and lower case make different words.
    pub const fn with_case(self) -> Self {
        Self { case: true, ..self }
    }

    /// The digits 0 to 9 are the same digit: numbers differ by their length, as prices and telephone numbers do.
    pub const fn with_same_digits(self) -> Self {
        Self { digits: false, ..self }
    }

    /// A feature counts once, however often it occurs.
    pub const fn with_presence(self) -> Self {
        Self { presence: true, ..self }
    }

    /// How many features there are.
    pub const fn buckets(&self) -> usize {
        self.buckets as usize
    }

    /// The hash of every word, in the order of the text. `word` is where a word stands meanwhile.
    #[inline]
    fn words(&self, text: &str, word: &mut Vec<u8>, mut see: impl FnMut(u64)) {
        word.clear();
        for letter in text.chars() {
            if letter.is_ascii_digit() {
                word.push(if self.digits { letter as u8 } else { b'0' });
            } else if letter.is_ascii_alphabetic() {
                word.push(if self.case { letter as u8 } else { letter.to_ascii_lowercase() as u8 });
            } else if !letter.is_ascii() && letter.is_alphanumeric() {
                let mut push = |letter: char| word.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                if self.case { push(letter) } else { letter.to_lowercase().for_each(push) }
            } else if !word.is_empty() {
                see(hash_bytes(word, self.seed));
                word.clear();
            }
        }
        if !word.is_empty() {
            see(hash_bytes(word, self.seed));
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        DecodeError::unless(Self::possible(self.buckets), "buckets", self.buckets)
    }
}

impl Transformer for BagOfWords {
    type From = str;
    type To = [(u32, f64)];
    type Room = (Vec<(u32, f64)>, Vec<u8>);

    #[inline]
    fn learn_one(&mut self, _: &str) -> Result<(), RowError> {
        Ok(())
    }

    #[inline]
    fn transform_one<'a>(&self, text: &str, room: &'a mut Self::Room) -> Result<&'a [(u32, f64)], RowError> {
        let (row, word) = room;
        row.clear();
        let bucket = |hash: u64| hash as u32 & (self.buckets - 1);
        let mut last = None;
        self.words(text, word, |hash| {
            row.push((bucket(hash), 1.0));
            if let Some(before) = last
                && self.pairs
            {
                row.push((bucket(hash.portable_hash(before)), 1.0));
            }
            last = Some(hash);
        });
        row.sort_unstable_by_key(|(feature, _)| *feature);
        row.dedup_by(|next, first| {
            let same = next.0 == first.0;
            if same && !self.presence {
                first.1 += next.1;
            }
            same
        });
        Ok(row)
    }
}

impl Stateless for BagOfWords {}

impl Summary for BagOfWords {
    type Reading = Self;

    const NAME: &'static str = "BagOfWords";

    fn read(&self) -> Self {
        *self
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Merge for BagOfWords {
    type Window = TwoStacks<Self>;

    fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
        Mismatch::check(Self::NAME, "buckets", &self.buckets, &other.buckets)?;
        Mismatch::check(Self::NAME, "seed", &self.seed, &other.seed)?;
        Mismatch::check(Self::NAME, "pairs", &self.pairs, &other.pairs)?;
        Mismatch::check(Self::NAME, "case", &self.case, &other.case)?;
        Mismatch::check(Self::NAME, "digits", &self.digits, &other.digits)?;
        Mismatch::check(Self::NAME, "presence", &self.presence, &other.presence)
    }

    fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
        self.compatible(other)
    }
}

image!(BagOfWords, 1);

#[cfg(test)]
mod tests {
    use streamgauge_sketches::Codec;
    use streamgauge_sketches::laws::{image_holds, refuses};

    use super::*;

    fn row(bag: BagOfWords, text: &str) -> Vec<(u32, f64)> {
        bag.transform_one(text, &mut Default::default()).unwrap().to_vec()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let bag = BagOfWords::new();
        assert_eq!(row(bag, "Call NOW: 0800-call!"), row(bag, "now call,call\n0800"));
        assert_eq!(row(bag, "ÄRGER über Straße 東京"), row(bag, "ärger... ÜBER (straße) 東京?"));
        assert_eq!(row(bag, " ,;-\u{0} "), []);
        assert_eq!(row(bag, ""), []);
        let known = row(bag, "call");
        assert_eq!(known, [("call".portable_hash(DEFAULT_SEED) as u32 & 0xffff, 1.0)]);
    }

    #[test]
    fn rows_are_ascending_distinct_and_counted() {
        let text: String = (0..5_000).map(|i| format!("word{} ", i % 1_700)).collect();
        let counted = row(BagOfWords::new().with_buckets(1 << 10).unwrap(), &text);
        assert!(counted.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!(counted.iter().map(|(_, n)| n).sum::<f64>(), 5_000.0);
        let present = row(BagOfWords::new().with_buckets(1 << 10).unwrap().with_presence(), &text);
        assert!(present.iter().all(|(_, n)| *n == 1.0));
        assert!(counted.iter().map(|(feature, _)| feature).eq(present.iter().map(|(feature, _)| feature)));
    }

    #[test]
    fn options_do_what_they_say() {
        let bag = BagOfWords::new();
        assert_ne!(row(bag.with_case(), "Free"), row(bag.with_case(), "free"));
        assert_ne!(row(bag, "call 08001234"), row(bag, "call 09005678"));
        assert_eq!(row(bag.with_same_digits(), "call 08001234"), row(bag.with_same_digits(), "call 09005678"));
        assert_ne!(row(bag.with_same_digits(), "50"), row(bag.with_same_digits(), "500"));
        assert_eq!(row(bag.with_pairs(), "a b c").len(), 5);
        assert_ne!(row(bag.with_pairs(), "dog bites man"), row(bag.with_pairs(), "man bites dog"));
        assert_eq!(row(bag, "dog bites man"), row(bag, "man bites dog"));
        assert_ne!(row(bag, "free"), row(bag.with_seed(1), "free"));
        assert!(row(bag.with_buckets(1).unwrap(), "a b c").iter().all(|feature| *feature == (0, 3.0)));
    }

    #[test]
    fn a_room_that_was_used_before_is_as_good_as_an_empty_one() {
        let (bag, mut room) = (BagOfWords::new().with_pairs(), Default::default());
        bag.transform_one("some words, and then some: unfinishe", &mut room).unwrap();
        assert_eq!(bag.transform_one("a free prize", &mut room).unwrap(), row(bag, "a free prize"));
    }

    #[test]
    fn only_the_same_parameters_merge() {
        let bag = BagOfWords::new();
        image_holds(&bag.with_pairs());
        let others = [bag.with_pairs(), bag.with_case(), bag.with_same_digits(), bag.with_presence(), bag.with_seed(1)];
        others.iter().chain([&bag.with_buckets(8).unwrap()]).for_each(|other| refuses(&bag, other));
        for buckets in [0, 3, 1 << 25, usize::MAX] {
            let told = bag.with_buckets(buckets).unwrap_err().to_string();
            assert_eq!(told, format!("BagOfWords: buckets must be a power of two up to 2^24, not {buckets}"));
        }
        let image = BagOfWords { buckets: 3, ..bag }.to_bytes();
        assert!(matches!(BagOfWords::from_bytes(&image), Err(DecodeError::Value { field: "buckets", .. })));
    }
}
