//! What all trees are to their users.

/// A tree as a [`Classifier`](crate::Classifier) and a summary, with what can be asked about its shape. Wants the fields
/// `plan: Plan` and `nodes: Nodes<_>`, and the methods `predict(&self, row) -> Option<usize>`,
/// `probabilities(&self, row, into)` and `step(&mut self, row, class, weight) -> Option<usize>`, which learns a row and says
/// what was predicted for it; all of rows that were checked.
macro_rules! tree {
    ($tree:ident) => {
        impl $tree {
            /// What a row looks like.
            pub fn schema(&self) -> &crate::schema::Schema {
                &self.plan.schema
            }

            /// How the tree grows.
            pub fn growth(&self) -> &crate::tree::Growth {
                &self.plan.growth
            }

            /// How many nodes there are.
            pub fn nodes(&self) -> usize {
                self.nodes.iter().count()
            }

            /// How many leaves there are.
            pub fn leaves(&self) -> usize {
                self.nodes.iter().filter(|node| node.split.is_none()).count()
            }

            /// How many nodes have statistics: unless memory is capped, all leaves that have seen a row, and the splits
            /// that go on with what they knew as leaves.
            pub fn active(&self) -> usize {
                self.nodes.iter().filter(|node| node.leaf.statistics.is_some()).count()
            }

            /// How many tests lie between the root and the deepest leaf.
            pub fn depth(&self) -> usize {
                self.nodes.depth(crate::tree::nodes::ROOT)
            }

            /// The tests that a row meets on its way to its leaf, with the branch that it takes: why it is predicted as it is.
            ///
            /// # Errors
            /// [`RowError::Width`](crate::RowError::Width).
            pub fn path(&self, row: &[f64]) -> Result<Vec<(crate::tree::Test, usize)>, crate::error::RowError> {
                self.plan.schema.check_row(row)?;
                Ok(self.nodes.path(crate::tree::nodes::ROOT, row))
            }
        }

        impl crate::learner::Classifier for $tree {
            type Row = [f64];

            fn classes(&self) -> usize {
                self.plan.classes()
            }

            #[inline]
            fn learn_weighted(&mut self, row: &[f64], class: usize, weight: f64) -> Result<(), crate::error::RowError> {
                self.plan.schema.check(row, class, weight)?;
                self.step(row, class, crate::tree::grow::weight_of(weight));
                Ok(())
            }

            fn probabilities_one(&self, row: &[f64], into: &mut Vec<f64>) -> Result<(), crate::error::RowError> {
                into.clear();
                self.plan.schema.check_row(row)?;
                self.probabilities(row, into);
                Ok(())
            }

            #[inline]
            fn predict_one(&self, row: &[f64]) -> Result<Option<usize>, crate::error::RowError> {
                self.plan.schema.check_row(row)?;
                Ok(self.predict(row))
            }

            #[inline]
            fn predict_and_learn(
                &mut self,
                row: &[f64],
                class: usize,
            ) -> Result<Option<usize>, crate::error::RowError> {
                self.plan.schema.check(row, class, 1.0)?;
                Ok(self.step(row, class, 1.0))
            }
        }

        impl streamgauge_sketches::Summary for $tree {
            type Reading = Self;

            const NAME: &'static str = stringify!($tree);

            fn read(&self) -> Self {
                self.clone()
            }

            fn memory_bytes(&self) -> usize {
                size_of::<Self>() + self.plan.schema.heap_bytes() + self.nodes.heap_bytes()
            }
        }
    };
}

pub(crate) use tree;
