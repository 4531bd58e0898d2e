//! What a leaf remembers of its rows.

use serde::{Deserialize, Serialize};
use streamgauge_sketches::DecodeError;
use streamgauge_sketches::random::Draws;

use super::criterion::{Before, Purity};
use super::growth::{Observer, Plan};
use super::test::{Test, number};
use super::values::Values;
use super::{gaussian, nominal};
use crate::schema::Attribute;

/// How many classes are scored at a time: they fit into a few registers.
const AT_ONCE: usize = 8;
/// The most bytes that the statistics of a leaf may ask for: a schema that needs more gets trees without any.
pub(crate) const MOST_BYTES: usize = 1 << 32;
/// How many probabilities are multiplied before their logarithm is taken: at 10⁻¹⁸ each they do not underflow.
const IN_A_ROW: usize = 16;

/// A split, and how good it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Candidate {
    pub(crate) test: Test,
    pub(crate) merit: f64,
}

/// What a leaf remembers of its rows: for each attribute that it looks at, a block of numbers by class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Statistics {
    /// The attributes, in ascending order; none stands for all of them.
    subspace: Option<Box<[u32]>>,
    blocks: Box<[f64]>,
    /// All values of the numeric attributes, if they are observed exhaustively.
    values: Box<[Values]>,
}

/// Where the statistics of an attribute are.
struct Place {
    attribute: usize,
    kind: Attribute,
    /// Where its block begins.
    from: usize,
    /// How many numeric attributes are before it.
    numeric: usize,
}

fn block_len(kind: Attribute, classes: usize) -> usize {
    match kind {
        Attribute::Numeric => gaussian::ROWS * classes,
        Attribute::Nominal { categories } => nominal::rows(categories as usize) * classes,
    }
}

/// The attributes that are looked at, with the places of their statistics.
#[inline]
fn places<'a>(subspace: Option<&'a [u32]>, plan: &'a Plan) -> impl Iterator<Item = Place> + 'a {
    let (attributes, classes) = (plan.schema.attributes(), plan.classes());
    let (mut from, mut numeric) = (0, 0);
    (0..subspace.map_or(attributes.len(), <[u32]>::len)).map(move |i| {
        let attribute = subspace.map_or(i, |subspace| subspace[i] as usize);
        let place = Place { attribute, kind: attributes[attribute], from, numeric };
        from += block_len(place.kind, classes);
        numeric += usize::from(place.kind == Attribute::Numeric);
        place
    })
}

/// So many attributes, drawn at random; in ascending order.
fn drawn(most: Option<u32>, attributes: usize, draws: &mut Draws) -> Option<Box<[u32]>> {
    let most = most.map(|most| most as usize).filter(|most| *most < attributes)?;
    let mut subspace = Vec::with_capacity(most);
    // Knuth's selection: each attribute is taken with the probability that makes all subsets as likely.
    for attribute in 0..attributes {
        let wanted = most - subspace.len();
        if (draws.below((attributes - attribute) as u64) as usize) < wanted {
            subspace.push(attribute as u32);
        }
    }
    Some(subspace.into())
}

impl Statistics {
    /// Of a leaf that has seen nothing.
    pub(crate) fn new(plan: &Plan, draws: &mut Draws) -> Self {
        let classes = plan.classes();
        let subspace = drawn(plan.growth.subspace, plan.schema.attributes().len(), draws);
        let (mut len, mut numeric) = (0, 0);
        for place in places(subspace.as_deref(), plan) {
            len += block_len(place.kind, classes);
            numeric += usize::from(place.kind == Attribute::Numeric);
        }
        let mut blocks = vec![0.0; len].into_boxed_slice();
        for place in places(subspace.as_deref(), plan).filter(|place| place.kind == Attribute::Numeric) {
            gaussian::clear(&mut blocks[place.from..][..block_len(place.kind, classes)], classes);
        }
        let exhaustive = plan.growth.observer == Observer::Exhaustive;
        let values = (0..if exhaustive { numeric } else { 0 }).map(|_| Values::default()).collect();
        Self { subspace, blocks, values }
    }

    /// Takes over what a parent knows, as if each class had had so many rows; not of the attribute that the parent asks about.
    pub(crate) fn inherit(&mut self, parent: &Self, plan: &Plan, asked: usize, rows: impl Fn(usize) -> f64) {
        let classes = plan.classes();
        let mut known = places(parent.subspace.as_deref(), plan).peekable();
        for place in places(self.subspace.as_deref(), plan).filter(|place| place.attribute != asked) {
            while known.next_if(|known| known.attribute < place.attribute).is_some() {}
            let Some(known) = known.next_if(|known| known.attribute == place.attribute) else { continue };
            let len = block_len(place.kind, classes);
            let (block, parent) = (&mut self.blocks[place.from..][..len], &parent.blocks[known.from..][..len]);
            match place.kind {
                Attribute::Numeric => gaussian::inherit(block, parent, classes, &rows),
                Attribute::Nominal { .. } => nominal::inherit(block, parent, classes, &rows),
            }
        }
    }

    /// The bytes of new statistics, at most.
    pub(crate) fn bytes_of_new(plan: &Plan) -> usize {
        let attributes = plan.schema.attributes();
        let blocks = attributes.iter().map(|kind| block_len(*kind, plan.classes()) * size_of::<f64>());
        let subspace = plan.growth.subspace.map_or(0, |most| (most as usize).min(attributes.len()) * size_of::<u32>());
        let values = if plan.growth.observer == Observer::Exhaustive { attributes.len() } else { 0 };
        blocks.fold(size_of::<Self>() + subspace + values * size_of::<Values>(), usize::saturating_add)
    }

    /// The bytes that are held, itself included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.subspace.as_ref().map_or(0, |subspace| size_of_val(&**subspace))
            + size_of_val(&*self.blocks)
            + self.values.iter().map(|values| size_of::<Values>() + values.heap_bytes()).sum::<usize>()
    }

    pub(crate) fn forget_values(&mut self) {
        self.values.iter_mut().for_each(|values| *values = Values::default());
    }

    /// The bytes that one more row asks for: some only where all values are kept.
    pub(crate) fn bytes_to_grow(&self) -> usize {
        self.values.iter().map(Values::bytes_to_grow).sum()
    }

    /// Learns a row.
    #[inline]
    pub(crate) fn learn(&mut self, plan: &Plan, row: &[f64], class: usize, weight: f64) {
        let classes = plan.classes();
        for place in places(self.subspace.as_deref(), plan) {
            let block = &mut self.blocks[place.from..];
            match place.kind {
                Attribute::Numeric => {
                    if let Some(value) = number(row[place.attribute]) {
                        gaussian::learn(block, classes, class, value, weight);
                        if let Some(values) = self.values.get_mut(place.numeric) {
                            values.learn(value, class, weight);
                        }
                    }
                }
                nominal @ Attribute::Nominal { .. } => {
                    if let Some(category) = nominal.category(row[place.attribute]) {
                        nominal::learn(block, classes, class, category, weight);
                    }
                }
            }
        }
    }

    /// Adds the logarithms of the likelihoods of a row to the scores of the classes from `from` on, at most [`AT_ONCE`].
    #[inline]
    fn add_likelihoods(&self, plan: &Plan, row: &[f64], from: usize, scores: &mut [f64]) {
        let classes = plan.classes();
        let mut product = [1.0; AT_ONCE];
        let product = &mut product[..scores.len()];
        let mut factors = 0;
        for place in places(self.subspace.as_deref(), plan) {
            let block = &self.blocks[place.from..];
            match place.kind {
                Attribute::Numeric => {
                    if let Some(value) = number(row[place.attribute]) {
                        gaussian::add_likelihood(block, classes, from, value, scores);
                    }
                }
                nominal @ Attribute::Nominal { categories } => {
                    if let Some(category) = nominal.category(row[place.attribute]) {
                        let value = (category, f64::from(categories));
                        nominal::multiply_likelihood(block, classes, from, value, product);
                        factors += 1;
                        if factors % IN_A_ROW == 0 {
                            take_logarithms(product, scores);
                        }
                    }
                }
            }
        }
        if factors % IN_A_ROW != 0 {
            take_logarithms(product, scores);
        }
    }

    /// The logarithms of how probable each class is, but for a constant, by naive Bayes: eight classes at a time, those of
    /// weight 0 far below all others.
    #[inline]
    pub(crate) fn score(&self, plan: &Plan, row: &[f64], priors: &[f64], mut each: impl FnMut(usize, &[f64])) {
        let mut scores = [0.0; AT_ONCE];
        for (chunk, priors) in priors.chunks(AT_ONCE).enumerate() {
            let scores = &mut scores[..priors.len()];
            for (score, prior) in scores.iter_mut().zip(priors) {
                *score = if *prior > 0.0 { prior.ln() } else { f64::MIN };
            }
            self.add_likelihoods(plan, row, chunk * AT_ONCE, scores);
            each(chunk * AT_ONCE, scores);
        }
    }

    /// The best split of each attribute that has one, in the order of the attributes. `weights` are those of the classes
    /// in the leaf.
    pub(crate) fn candidates(&mut self, plan: &Plan, weights: &[f64], mut each: impl FnMut(Candidate)) {
        let (criterion, classes) = (plan.growth.criterion, plan.classes());
        let before = Before::of(criterion, weights);
        let Self { subspace, blocks, values } = self;
        for place in places(subspace.as_deref(), plan) {
            let block = &blocks[place.from..];
            let attribute = place.attribute as u32;
            let mut best: Option<Candidate> = None;
            let mut offer = |test: Test, merit: Option<f64>| {
                if let Some(merit) = merit.filter(|merit| best.is_none_or(|best| *merit > best.merit)) {
                    best = Some(Candidate { test, merit });
                }
            };
            match place.kind {
                Attribute::Numeric => match values.get_mut(place.numeric) {
                    Some(values) => {
                        values.splits(criterion, before, classes, |value, merit| {
                            offer(Test::AtMost { attribute, value }, merit);
                        });
                    }
                    None => {
                        for value in gaussian::points(block, classes) {
                            let mut sides = [Purity::default(); 2];
                            for class in 0..classes {
                                let (below, above) = gaussian::divided(block, classes, class, value);
                                sides[0].add(criterion, below);
                                sides[1].add(criterion, above);
                            }
                            offer(Test::AtMost { attribute, value }, criterion.merit(before, sides.into_iter()));
                        }
                    }
                },
                Attribute::Nominal { categories } => {
                    let purity = |category: u32| Purity::of(criterion, nominal::of(block, classes, category as usize));
                    if !plan.growth.binary {
                        let merit = criterion.merit(before, (0..categories).map(purity));
                        offer(Test::Which { attribute, categories }, merit);
                    }
                    for category in 0..categories {
                        let (all, those) =
                            (nominal::weights(block, classes), nominal::of(block, classes, category as usize));
                        let mut sides = [Purity::default(); 2];
                        for (all, those) in all.iter().zip(those) {
                            sides[0].add(criterion, *those);
                            sides[1].add(criterion, all - those);
                        }
                        let merit = criterion.merit(before, sides.into_iter());
                        offer(Test::Is { attribute, category, categories }, merit);
                    }
                }
            }
            if let Some(best) = best {
                each(best);
            }
        }
    }

    /// The weights of the classes in the branches of a test, one branch after the other. All zero where the attribute is
    /// not looked at.
    pub(crate) fn branches(&self, plan: &Plan, test: &Test) -> Vec<f64> {
        let classes = plan.classes();
        let mut weights = vec![0.0; test.branches() * classes];
        let place = places(self.subspace.as_deref(), plan).find(|place| place.attribute == test.attribute());
        let Some(place) = place else { return weights };
        let block = &self.blocks[place.from..];
        match *test {
            Test::AtMost { value, .. } => {
                let (below, above) = weights.split_at_mut(classes);
                match self.values.get(place.numeric) {
                    Some(values) => values.divide(value, below, above),
                    None => {
                        for class in 0..classes {
                            (below[class], above[class]) = gaussian::divided(block, classes, class, value);
                        }
                    }
                }
            }
            Test::Is { category, .. } => {
                let (those, others) = weights.split_at_mut(classes);
                those.copy_from_slice(nominal::of(block, classes, category as usize));
                for ((other, all), those) in others.iter_mut().zip(nominal::weights(block, classes)).zip(those) {
                    *other = (all - *those).max(0.0);
                }
            }
            Test::Which { .. } => weights.copy_from_slice(&block[classes..][..test.branches() * classes]),
        }
        weights
    }

    pub(crate) fn check(&self, plan: &Plan) -> Result<(), DecodeError> {
        let bytes = Self::bytes_of_new(plan);
        DecodeError::unless(bytes <= MOST_BYTES, "bytes of a leaf", bytes)?;
        let (attributes, classes) = (plan.schema.attributes().len(), plan.classes());
        let most = plan.growth.subspace.map(|most| most as usize).filter(|most| *most < attributes);
        let known = match (&self.subspace, most) {
            (None, None) => true,
            (Some(subspace), Some(most)) => {
                let ascending = subspace.windows(2).all(|two| two[0] < two[1]);
                subspace.len() == most && ascending && subspace.iter().all(|at| (*at as usize) < attributes)
            }
            _ => false,
        };
        DecodeError::unless(known, "attributes of a leaf", self.subspace.as_ref().map_or(0, |all| all.len()))?;
        let (mut len, mut numeric) = (0, 0);
        for place in places(self.subspace.as_deref(), plan) {
            len += block_len(place.kind, classes);
            numeric += usize::from(place.kind == Attribute::Numeric);
        }
        DecodeError::unless(self.blocks.len() == len, "numbers in a leaf", self.blocks.len())?;
        let kept = if plan.growth.observer == Observer::Exhaustive { numeric } else { 0 };
        DecodeError::unless(self.values.len() == kept, "observers of values in a leaf", self.values.len())?;
        for place in places(self.subspace.as_deref(), plan) {
            let block = &self.blocks[place.from..][..block_len(place.kind, classes)];
            match place.kind {
                Attribute::Numeric => gaussian::check(block, classes)?,
                Attribute::Nominal { .. } => nominal::check(block)?,
            }
        }
        self.values.iter().try_for_each(|values| values.check(classes))
    }
}

#[inline]
fn take_logarithms(product: &mut [f64], scores: &mut [f64]) {
    for (product, score) in product.iter_mut().zip(scores) {
        *score += product.ln();
        *product = 1.0;
    }
}
