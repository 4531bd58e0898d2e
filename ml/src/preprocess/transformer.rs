//! What is done with rows before they are learned.

use streamgauge_sketches::{Merge, Summary};

use super::pipeline::Pipeline;
use crate::error::RowError;

/// Makes of each row another one.
///
/// Most learn nothing. Those that do, such as scalers, learn from rows without their class, and transforming never
/// learns. A missing value is no error.
///
/// ```
/// use streamgauge_ml::Schema;
/// use streamgauge_ml::preprocess::{StandardScaler, Transformer};
/// let mut scaler = StandardScaler::new(&Schema::numeric(1, 2)?);
/// for celsius in [10.0, 10.0, 20.0, 20.0] {
///     scaler.learn_one(&[celsius])?;
/// }
/// let mut room = Vec::new();
/// assert_eq!(scaler.transform_one(&[30.0], &mut room)?, [3.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Transformer: Summary {
    /// What comes in: a row `[f64]`, or a text.
    type From: ?Sized + 'static;
    /// What comes out: a row `[f64]`, or a sparse one `[(u32, f64)]`.
    type To: ?Sized + 'static;
    /// Where the transformed row stands.
    type Room: Room;

    /// Learns a row, without its class. Refuses only rows that [`transform_one`](Self::transform_one) refuses.
    ///
    /// # Errors
    /// [`RowError`] that says what is wrong with the row; nothing is learned.
    fn learn_one(&mut self, row: &Self::From) -> Result<(), RowError>;

    /// The row that a row becomes. It stands in `room`, which is empty or was used before, or is the row itself.
    ///
    /// # Errors
    /// [`RowError::Width`].
    fn transform_one<'a>(&self, row: &'a Self::From, room: &'a mut Self::Room) -> Result<&'a Self::To, RowError>;

    /// This one, and then a learner or another transformer of what comes out.
    fn then<L>(self, learner: L) -> Pipeline<Self, L>
    where
        Self: Sized,
    {
        Pipeline::new(self, learner)
    }
}

/// A transformer that learns nothing: what it makes of a row depends on nothing but its parameters.
///
/// A pipeline that begins with it merges if the rest does. After a scaler it does not: two scalers that saw different
/// rows gave their learners rows in different units. Merging two stateless transformers is the check that their
/// parameters are the same.
#[diagnostic::on_unimplemented(
    message = "`{Self}` learns from the rows it transforms, so what stands behind it cannot be merged",
    note = "learners merge behind transformers that learn nothing: one-hot and hashing of categories, bags of words"
)]
pub trait Stateless: Transformer + Merge {}

/// Where a transformed row stands: scratch memory that is no state.
pub trait Room: Default + Send + Sync + 'static {
    /// The bytes it holds on the heap.
    fn heap_bytes(&self) -> usize;
}

impl Room for () {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl<T: Send + Sync + 'static> Room for Vec<T> {
    fn heap_bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }
}

impl<A: Room, B: Room> Room for (A, B) {
    fn heap_bytes(&self) -> usize {
        self.0.heap_bytes() + self.1.heap_bytes()
    }
}

impl Room for String {
    fn heap_bytes(&self) -> usize {
        self.capacity()
    }
}
