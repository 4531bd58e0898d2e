//! Tuples of summaries are summaries.

use super::{Absorb, Decay, Merge, Sliding, Spec, Subtract, Summary, Weight, Weighted};
use crate::audit::Group;
use crate::error::Mismatch;

macro_rules! tuple {
    ($($s:ident $i:tt),+) => {
        impl<$($s: Summary),+> Summary for ($($s,)+) {
            type Reading = ($($s::Reading,)+);

            const NAME: &'static str = "tuple";
            const DECAY: Option<fn(&mut Self, f64)> = if $($s::DECAY.is_some())&&+ {
                Some(|state, factor| {
                    $(if let Some(decay) = $s::DECAY { decay(&mut state.$i, factor) })+
                })
            } else {
                None
            };

            fn schema() -> String {
                format!("({})", [$($s::schema()),+].join(", "))
            }

            fn read(&self) -> Self::Reading {
                ($(self.$i.read(),)+)
            }

            fn memory_bytes(&self) -> usize {
                0 $(+ self.$i.memory_bytes())+
            }

            fn end_batch(&mut self) {
                $(self.$i.end_batch();)+
            }
        }

        impl<$($s: Decay),+> Decay for ($($s,)+) {
            fn decay(&mut self, factor: f64) {
                $(self.$i.decay(factor);)+
            }
        }

        impl<Q: ?Sized, $($s: Absorb<Q>),+> Absorb<Q> for ($($s,)+) {
            type Exact = ($($s::Exact,)+);

            const WEIGHTED: Option<fn(&mut Self, &Q, Weight)> = if $($s::WEIGHTED.is_some())&&+ {
                Some(|state, item, weight| {
                    $(if let Some(absorb) = $s::WEIGHTED { absorb(&mut state.$i, item, weight) })+
                })
            } else {
                None
            };

            fn absorb(&mut self, item: &Q) {
                $(self.$i.absorb(item);)+
            }

            fn exact(&self) -> Self::Exact {
                ($(self.$i.exact(),)+)
            }
        }

        impl<Q: ?Sized, $($s: Weighted<Q>),+> Weighted<Q> for ($($s,)+) {
            fn absorb_weighted(&mut self, item: &Q, weight: Weight) {
                $(self.$i.absorb_weighted(item, weight);)+
            }
        }

        impl<$($s: Merge),+> Merge for ($($s,)+) {
            type Window = ($($s::Window,)+);

            fn compatible(&self, other: &Self) -> Result<(), Mismatch> {
                $(self.$i.compatible(&other.$i)?;)+
                Ok(())
            }

            fn merge(&mut self, other: &Self) -> Result<(), Mismatch> {
                // All or nothing: a mismatch in a later part must not leave the earlier ones merged.
                self.compatible(other)?;
                $(self.$i.merge(&other.$i)?;)+
                Ok(())
            }
        }

        impl<$($s: Subtract),+> Subtract for ($($s,)+) {
            fn subtract(&mut self, other: &Self) {
                $(self.$i.subtract(&other.$i);)+
            }
        }

        #[allow(non_snake_case)]
        impl<$($s: Merge),+> Sliding<($($s,)+)> for ($($s::Window,)+) {
            type Ticket = ($(<$s::Window as Sliding<$s>>::Ticket,)+);

            const SETTLES: bool = false $(|| $s::Window::SETTLES)+;

            fn new(panes: u32, phase: u64) -> Self {
                ($($s::Window::new(panes, phase),)+)
            }

            fn push(&mut self, summary: ($($s,)+)) -> Result<Self::Ticket, Mismatch> {
                Ok(($(self.$i.push(summary.$i)?,)+))
            }

            fn expire(&mut self, ticket: Self::Ticket) -> Result<(), Mismatch> {
                $(self.$i.expire(ticket.$i)?;)+
                Ok(())
            }

            fn settle(&mut self, after: i64, until: i64) -> Result<(), Mismatch> {
                $(self.$i.settle(after, until)?;)+
                Ok(())
            }

            fn total(&self) -> Result<Option<($($s,)+)>, Mismatch> {
                $(let Some($s) = self.$i.total()? else { return Ok(None) };)+
                Ok(Some(($($s,)+)))
            }

            fn reading(&self) -> Result<Option<($($s::Reading,)+)>, Mismatch> {
                $(let Some($s) = self.$i.reading()? else { return Ok(None) };)+
                Ok(Some(($($s,)+)))
            }

            fn is_empty(&self) -> bool {
                true $(&& self.$i.is_empty())+
            }

            fn window_bytes(&self) -> usize {
                0 $(+ self.$i.window_bytes())+
            }

            fn ticket_bytes(ticket: &Self::Ticket) -> usize {
                0 $(+ $s::Window::ticket_bytes(&ticket.$i))+
            }
        }

        impl<T: ?Sized + 'static, $($s: Spec<Item = T>),+> Spec for ($($s,)+) {
            type Item = T;
            type State = ($($s::State,)+);
            type Exact = ($($s::Exact,)+);

            const BY_GROUP: bool = false $(|| $s::BY_GROUP)+;

            fn start(&self) -> Self::State {
                ($(self.$i.start(),)+)
            }

            fn start_for(&self, group: &Group) -> Self::State {
                ($(self.$i.start_for(group),)+)
            }

            #[inline]
            fn absorb(&self, state: &mut Self::State, record: &T) {
                $(self.$i.absorb(&mut state.$i, record);)+
            }

            fn absorb_all(&self, state: &mut Self::State, records: &[T])
            where
                T: Sized,
            {
                $(self.$i.absorb_all(&mut state.$i, records);)+
            }

            fn exact(&self) -> Self::Exact {
                ($(self.$i.exact(),)+)
            }

            fn refuses_weights(&self) -> Option<&'static str> {
                None $(.or_else(|| self.$i.refuses_weights()))+
            }

            #[inline]
            fn absorb_weighted(&self, state: &mut Self::State, record: &T, weight: Weight) {
                $(self.$i.absorb_weighted(&mut state.$i, record, weight);)+
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
