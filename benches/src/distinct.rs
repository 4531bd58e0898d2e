//! The peers that count distinct items, behind one trait, at the parameters they are compared at.
//!
//! All have 2¹² registers but ExaLogLog, whose registers are larger and a quarter as many. Peers that take hashes get
//! the portable one; a peer that takes a hasher gets one of the same function.

use std::hash::{BuildHasherDefault, Hash, Hasher};

use datasketches::hll::{HllSketch, HllType, HllUnion};
use hyperloglogplus::{HyperLogLog as _, HyperLogLogPlus};
use streamgauge::prelude::*;
use streamgauge::sketches::hash::{DEFAULT_SEED, hash_bytes};

/// A sketch of distinct items of type `Q`.
pub trait Distinct<Q: ?Sized> {
    /// What sketches are united into.
    type Union;

    /// An empty sketch.
    fn empty() -> Self;
    /// Adds an item.
    fn add(&mut self, item: &Q);
    /// The estimate.
    fn estimate(&self) -> f64;
    /// A union that begins with a sketch.
    fn union_of(first: &Self) -> Self::Union;
    /// Adds a sketch to a union.
    fn unite(union: &mut Self::Union, sketch: &Self);
    /// The estimate of a union.
    fn estimate_union(union: &Self::Union) -> f64;
}

impl<Q: PortableHash + Key + ?Sized> Distinct<Q> for HyperLogLog {
    type Union = Self;

    fn empty() -> Self {
        Self::default()
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.absorb(item);
    }

    fn estimate(&self) -> f64 {
        self.read().value
    }

    fn union_of(first: &Self) -> Self {
        first.clone()
    }

    #[inline]
    fn unite(union: &mut Self, sketch: &Self) {
        union.merge(sketch).expect("the parameters are the same");
    }

    fn estimate_union(union: &Self) -> f64 {
        union.read().value
    }
}

/// `datasketches`, 8-bit registers.
#[derive(Debug)]
pub struct Apache(HllSketch);

impl<Q: Hash + ?Sized> Distinct<Q> for Apache {
    type Union = HllUnion;

    fn empty() -> Self {
        Self(HllSketch::new(12, HllType::Hll8).expect("12 is allowed"))
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.0.update(item);
    }

    fn estimate(&self) -> f64 {
        self.0.estimate()
    }

    fn union_of(first: &Self) -> HllUnion {
        let mut union = HllUnion::new(12).expect("12 is allowed");
        union.update(&first.0);
        union
    }

    #[inline]
    fn unite(union: &mut HllUnion, sketch: &Self) {
        union.update(&sketch.0);
    }

    fn estimate_union(union: &HllUnion) -> f64 {
        union.estimate()
    }
}

/// `cardinality-estimator`, 6-bit registers.
#[allow(missing_debug_implementations)]
pub struct Cloudflare<Q: Hash + ?Sized>(cardinality_estimator::CardinalityEstimator<Q>);

impl<Q: Hash + ?Sized> Distinct<Q> for Cloudflare<Q> {
    type Union = Self;

    fn empty() -> Self {
        Self(cardinality_estimator::CardinalityEstimator::new())
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.0.insert(item);
    }

    fn estimate(&self) -> f64 {
        self.0.estimate() as f64
    }

    fn union_of(first: &Self) -> Self {
        Self(first.0.clone())
    }

    #[inline]
    fn unite(union: &mut Self, sketch: &Self) {
        union.0.merge(&sketch.0);
    }

    fn estimate_union(union: &Self) -> f64 {
        union.estimate()
    }
}

/// A hasher of the portable hash, for a peer that takes one.
#[derive(Debug, Default)]
pub struct Portable(u64);

impl Hasher for Portable {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0 = hash_bytes(bytes, self.0);
    }

    #[inline]
    fn write_u8(&mut self, end_of_str: u8) {
        self.0 ^= u64::from(end_of_str);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// `hyperloglogplus`. Its estimate takes the sketch by unique reference.
#[allow(missing_debug_implementations)]
pub struct PlusPlus<Q: Hash + ?Sized>(std::cell::RefCell<HyperLogLogPlus<Q, BuildHasherDefault<Portable>>>);

impl<Q: Hash + ?Sized> Distinct<Q> for PlusPlus<Q> {
    type Union = Self;

    fn empty() -> Self {
        Self(HyperLogLogPlus::new(12, BuildHasherDefault::default()).expect("12 is allowed").into())
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.0.get_mut().insert(item);
    }

    fn estimate(&self) -> f64 {
        self.0.borrow_mut().count()
    }

    fn union_of(first: &Self) -> Self {
        let mut union: Self = Self::empty();
        <Self as Distinct<Q>>::unite(&mut union, first);
        union
    }

    #[inline]
    fn unite(union: &mut Self, sketch: &Self) {
        union.0.get_mut().merge(&sketch.0.borrow()).expect("the parameters are the same");
    }

    fn estimate_union(union: &Self) -> f64 {
        union.estimate()
    }
}

/// `streaming_algorithms`, 8-bit registers.
#[allow(missing_debug_implementations)]
pub struct Streaming<Q: ?Sized>(streaming_algorithms::HyperLogLog<Q>);

impl<Q: Hash + ?Sized> Distinct<Q> for Streaming<Q> {
    type Union = Self;

    fn empty() -> Self {
        Self(streaming_algorithms::HyperLogLog::with_p(12))
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.0.push(item);
    }

    fn estimate(&self) -> f64 {
        self.0.len()
    }

    fn union_of(first: &Self) -> Self {
        Self(first.0.clone())
    }

    #[inline]
    fn unite(union: &mut Self, sketch: &Self) {
        union.0.union(&sketch.0);
    }

    fn estimate_union(union: &Self) -> f64 {
        union.estimate()
    }
}

/// `ultraloglog`, 8-bit registers.
#[allow(missing_debug_implementations)]
pub struct Ultra(ultraloglog::UltraLogLog);

impl<Q: PortableHash + ?Sized> Distinct<Q> for Ultra {
    type Union = Self;

    fn empty() -> Self {
        Self(ultraloglog::UltraLogLog::new(12).expect("12 is allowed"))
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.0.add(item.portable_hash(DEFAULT_SEED));
    }

    fn estimate(&self) -> f64 {
        self.0.get_distinct_count_estimate()
    }

    fn union_of(first: &Self) -> Self {
        Self(first.0.copy())
    }

    #[inline]
    fn unite(union: &mut Self, sketch: &Self) {
        union.0.add_sketch(&sketch.0).expect("the parameters are the same");
    }

    fn estimate_union(union: &Self) -> f64 {
        <Self as Distinct<Q>>::estimate(union)
    }
}

/// `exaloglog`, 2¹⁰ registers of 28 bits.
#[derive(Debug)]
pub struct Exa(exaloglog::ExaLogLog);

impl<Q: PortableHash + ?Sized> Distinct<Q> for Exa {
    type Union = Self;

    fn empty() -> Self {
        Self(exaloglog::ExaLogLog::new(10))
    }

    #[inline]
    fn add(&mut self, item: &Q) {
        self.0.add_hash(item.portable_hash(DEFAULT_SEED));
    }

    fn estimate(&self) -> f64 {
        self.0.estimate()
    }

    fn union_of(first: &Self) -> Self {
        Self(first.0.clone())
    }

    #[inline]
    fn unite(union: &mut Self, sketch: &Self) {
        union.0.merge(&sketch.0).expect("the parameters are the same");
    }

    fn estimate_union(union: &Self) -> f64 {
        <Self as Distinct<Q>>::estimate(union)
    }
}
