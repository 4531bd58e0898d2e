//! What is done with rows before they are learned.

mod columns;
mod one_hot;
mod pipeline;
mod standard;
mod text;
mod transformer;

pub use one_hot::OneHot;
pub use pipeline::Pipeline;
pub use standard::StandardScaler;
pub use text::BagOfWords;
pub use transformer::{Room, Stateless, Transformer};
