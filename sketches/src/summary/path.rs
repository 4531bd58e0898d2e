//! Paths from a record to the items a summary takes: mapped, filtered, one or several.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::items::{Items, visit_each};

/// Leads from a record to none, one or several items.
///
/// Paths are generic all the way: a summary behind `on.when(…).map(…)` costs what the two closures cost.
pub trait Path: Clone + Send + Sync + 'static {
    /// The record.
    type From: ?Sized;
    /// The item.
    type To: ?Sized;

    /// Whether every record has exactly one item.
    const ONE_EACH: bool;

    /// Whether no record has more than one item. Only then do the items of a sample err independently of each other.
    const AT_MOST_ONE: bool = Self::ONE_EACH;

    /// Calls `item` with every item of the record.
    fn visit(&self, record: &Self::From, item: impl FnMut(&Self::To));
}

macro_rules! path {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name<T: ?Sized, U: ?Sized, F> {
            f: Arc<F>,
            types: PhantomData<fn(&T) -> Box<U>>,
        }

        impl<T: ?Sized, U: ?Sized, F> $name<T, U, F> {
            pub(super) fn new(f: F) -> Self {
                Self { f: Arc::new(f), types: PhantomData }
            }
        }

        // Not derived: a derive would ask for `T: Clone`.
        impl<T: ?Sized, U: ?Sized, F> Clone for $name<T, U, F> {
            fn clone(&self) -> Self {
                Self { f: self.f.clone(), types: PhantomData }
            }
        }

        impl<T: ?Sized, U: ?Sized, F> fmt::Debug for $name<T, U, F> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))
            }
        }
    };
}

path!(
    /// The item is a part of the record.
    Borrowed
);
path!(
    /// The item is made from the record.
    Mapped
);
path!(
    /// The items are a slice of the record.
    Each
);
path!(
    /// The record itself, if a condition holds.
    When
);

/// The record itself.
pub struct Identity<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> Identity<T> {
    pub(super) const NEW: Self = Self(PhantomData);
}

impl<T: ?Sized> Clone for Identity<T> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<T: ?Sized> fmt::Debug for Identity<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

/// One path after another.
#[derive(Clone, Debug)]
pub struct Then<A, B>(pub(super) A, pub(super) B);

impl<T: ?Sized + 'static> Path for Identity<T> {
    type From = T;
    type To = T;
    const ONE_EACH: bool = true;

    #[inline]
    fn visit(&self, record: &T, mut item: impl FnMut(&T)) {
        item(record);
    }
}

impl<T, U, F> Path for Borrowed<T, U, F>
where
    T: ?Sized + 'static,
    U: ?Sized + 'static,
    F: Fn(&T) -> &U + Send + Sync + 'static,
{
    type From = T;
    type To = U;
    const ONE_EACH: bool = true;

    #[inline]
    fn visit(&self, record: &T, mut item: impl FnMut(&U)) {
        item((self.f)(record));
    }
}

impl<T, U, F> Path for Mapped<T, U, F>
where
    T: ?Sized + 'static,
    U: 'static,
    F: Fn(&T) -> U + Send + Sync + 'static,
{
    type From = T;
    type To = U;
    const ONE_EACH: bool = true;

    #[inline]
    fn visit(&self, record: &T, mut item: impl FnMut(&U)) {
        item(&(self.f)(record));
    }
}

impl<T, U, F> Path for Each<T, U, F>
where
    T: ?Sized + 'static,
    U: 'static,
    F: Fn(&T) -> &[U] + Send + Sync + 'static,
{
    type From = T;
    type To = U;
    const ONE_EACH: bool = false;

    #[inline]
    fn visit(&self, record: &T, item: impl FnMut(&U)) {
        (self.f)(record).iter().for_each(item);
    }
}

impl<T, F> Path for When<T, T, F>
where
    T: ?Sized + 'static,
    F: Fn(&T) -> bool + Send + Sync + 'static,
{
    type From = T;
    type To = T;
    const ONE_EACH: bool = false;
    const AT_MOST_ONE: bool = true;

    #[inline]
    fn visit(&self, record: &T, mut item: impl FnMut(&T)) {
        if (self.f)(record) {
            item(record);
        }
    }
}

impl<A: Path, B: Path<From = A::To>> Path for Then<A, B> {
    type From = A::From;
    type To = B::To;
    const ONE_EACH: bool = A::ONE_EACH && B::ONE_EACH;
    const AT_MOST_ONE: bool = A::AT_MOST_ONE && B::AT_MOST_ONE;

    #[inline]
    fn visit(&self, record: &A::From, mut item: impl FnMut(&B::To)) {
        self.0.visit(record, |between| self.1.visit(between, &mut item));
    }
}

/// The items that a path finds in some records.
pub(super) struct Visited<'a, P: Path>
where
    P::From: Sized,
{
    pub(super) path: &'a P,
    pub(super) records: &'a [P::From],
}

impl<P: Path> Items<P::To> for Visited<'_, P>
where
    P::From: Sized,
{
    #[inline]
    fn visit_all(self, mut visit: impl FnMut(&P::To)) {
        for record in self.records {
            self.path.visit(record, &mut visit);
        }
    }

    #[inline]
    fn visit_some(self, skip: u64, mut visit: impl FnMut(&P::To) -> u64) -> u64 {
        if P::ONE_EACH {
            return self.records.visit_some(skip, |record| {
                let mut skip = 0;
                self.path.visit(record, |item| skip = visit(item));
                skip
            });
        }
        visit_each(skip, visit, |each| self.visit_all(each))
    }
}
