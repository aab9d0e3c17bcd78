//! An append-only list of values by type, read without a lock.

use std::{
    any::{Any, TypeId},
    fmt,
    sync::{Arc, OnceLock},
};

/// One value for each type that was ever asked for, computed once and shared by every clone of its owner.
///
/// Its length is bounded by the number of types that a program asks for.
#[derive(Default)]
pub(crate) struct Slots {
    first: OnceLock<Box<Slot>>,
}

struct Slot {
    key: TypeId,
    value: Option<Arc<dyn Any + Send + Sync>>,
    next: OnceLock<Box<Slot>>,
}

impl Slots {
    /// The value of type `T`, made by `make` on first use; a `None` is remembered like a value.
    pub(crate) fn get_or_make<T: Any + Send + Sync>(&self, make: impl Fn() -> Option<T>) -> Option<Arc<T>> {
        let key = TypeId::of::<T>();
        let mut link = &self.first;
        loop {
            // Whoever loses the race to fill a link looks at the winner's slot and moves on to the next link.
            let slot = link.get_or_init(|| {
                let value = make().map(|value| Arc::new(value) as Arc<dyn Any + Send + Sync>);
                Box::new(Slot { key, value, next: OnceLock::new() })
            });
            if slot.key == key {
                return slot.value.clone().and_then(|value| value.downcast().ok());
            }
            link = &slot.next;
        }
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slots(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn each_type_is_made_once_and_failures_are_remembered() {
        let slots = Slots::default();
        let made = AtomicUsize::new(0);
        let count = || made.fetch_add(1, Ordering::Relaxed);

        for _ in 0..3 {
            let text = slots.get_or_make(|| {
                count();
                Some("text".to_owned())
            });
            let number = slots.get_or_make(|| {
                count();
                Some(7_u32)
            });
            let nothing = slots.get_or_make::<u8>(|| {
                count();
                None
            });
            assert_eq!((text.as_deref().map(String::as_str), number.as_deref()), (Some("text"), Some(&7)));
            assert_eq!(nothing, None);
        }

        assert_eq!(made.into_inner(), 3);
    }

    #[test]
    fn threads_that_race_share_one_value() {
        let slots = Slots::default();
        let made = AtomicUsize::new(0);

        let values: Vec<Arc<usize>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| slots.get_or_make(|| Some(made.fetch_add(1, Ordering::Relaxed)))))
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap().unwrap()).collect()
        });

        assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])));
        assert_eq!(made.into_inner(), 1);
    }
}
