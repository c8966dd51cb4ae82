//! Work on many things at once, whose results are taken in order.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rayon::prelude::*;

/// So many results, for each piece of work at once, may wait for one before them.
const WAITING_EACH: usize = 2;

/// Makes `count` results, at most `parallel` at once, and gives them to `take` in order. That much work goes on while a result is
/// slow, and no more: few of them wait.
///
/// `make` must not leave work to the pool of threads: one that waits for it might take up another part of this work, which would wait
/// for the first.
///
/// # Errors
/// What `make` or `take` answers. Nothing is begun then that has not been.
pub fn for_each<T: Send, E: Send>(
    count: usize,
    parallel: usize,
    make: impl Fn(usize) -> Result<T, E> + Sync,
    take: impl FnMut(T) -> Result<(), E> + Send,
) -> Result<(), E> {
    let parallel = parallel.clamp(1, rayon::current_num_threads());
    let state = State { begun: 0, taken: 0, waiting: BTreeMap::new(), has_failed: false, take };
    let queue = Queue { state: Mutex::new(state), turn: Condvar::new() };
    (0..parallel).into_par_iter().try_for_each(|_| {
        while let Some(index) = queue.next(count, WAITING_EACH * parallel) {
            let failure = Failure { queue: &queue, is_over: false };
            queue.put(index, make(index)?)?;
            failure.disarm();
        }
        Ok(())
    })
}

struct Queue<T, F> {
    state: Mutex<State<T, F>>,
    /// Something was taken, or has failed.
    turn: Condvar,
}

struct State<T, F> {
    /// How many results are being made, or are made.
    begun: usize,
    /// How many were taken.
    taken: usize,
    /// Those that are made.
    waiting: BTreeMap<usize, T>,
    has_failed: bool,
    take: F,
}

impl<T, F> Queue<T, F> {
    fn lock(&self) -> MutexGuard<'_, State<T, F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Which result to make next, when fewer than `ahead` are begun and not taken. It never waits for ever: the first of those is
    /// being made by somebody who does not wait.
    fn next(&self, count: usize, ahead: usize) -> Option<usize> {
        let is_ahead = |state: &mut State<T, F>| !state.has_failed && state.begun - state.taken >= ahead;
        let mut state = self.turn.wait_while(self.lock(), is_ahead).unwrap_or_else(PoisonError::into_inner);
        if state.has_failed || state.begun == count {
            return None;
        }
        state.begun += 1;
        Some(state.begun - 1)
    }

    /// Hands a result over, and those that waited for it.
    fn put<E>(&self, index: usize, result: T) -> Result<(), E>
    where
        F: FnMut(T) -> Result<(), E>,
    {
        let mut state = self.lock();
        state.waiting.insert(index, result);
        let State { taken, waiting, take, .. } = &mut *state;
        while let Some(result) = waiting.remove(taken) {
            take(result)?;
            *taken += 1;
        }
        drop(state);
        self.turn.notify_all();
        Ok(())
    }
}

/// Ends the work of all if it is dropped early: on an error, or a panic.
struct Failure<'a, T, F> {
    queue: &'a Queue<T, F>,
    is_over: bool,
}

impl<T, F> Failure<'_, T, F> {
    fn disarm(mut self) {
        self.is_over = true;
    }
}

impl<T, F> Drop for Failure<'_, T, F> {
    fn drop(&mut self) {
        if !self.is_over {
            self.queue.lock().has_failed = true;
            self.queue.turn.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn in_pool<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
    }

    #[test]
    fn results_come_in_order_and_few_wait() {
        for (threads, parallel) in [(1, 4), (4, 4), (4, 2), (4, 1)] {
            let (at_once, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let (begun, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let mut results = Vec::new();
            let make = |index: usize| {
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let ahead = begun.fetch_add(1, Ordering::SeqCst) + 1 - taken.load(Ordering::SeqCst);
                assert!(ahead <= WAITING_EACH * parallel, "{ahead}");
                std::thread::sleep(Duration::from_millis(if index.is_multiple_of(16) { 20 } else { 1 }));
                at_once.fetch_sub(1, Ordering::SeqCst);
                Ok::<_, ()>(index)
            };
            let take = |index| {
                results.push(index);
                taken.fetch_add(1, Ordering::SeqCst);
                Ok(())
            };
            in_pool(threads, || for_each(100, parallel, make, take)).unwrap();
            assert!(results.into_iter().eq(0..100));
            assert!(most.into_inner() <= parallel.min(threads));
        }
    }

    #[test]
    fn an_error_ends_all() {
        for threads in [1, 4] {
            let made = AtomicUsize::new(0);
            let make = |index| {
                made.fetch_add(1, Ordering::SeqCst);
                if index == 10 { Err("made") } else { Ok(index) }
            };
            assert_eq!(in_pool(threads, || for_each(1000, 4, make, |_| Ok(()))), Err("made"));
            assert!(made.into_inner() < 100);
            let take = |index| if index == 10 { Err("taken") } else { Ok(()) };
            assert_eq!(in_pool(threads, || for_each(1000, 4, Ok, take)), Err("taken"));
        }
    }

    #[test]
    fn a_panic_does_not_leave_the_others_waiting() {
        let make = |index| {
            assert!(index != 3, "the one that fails");
            Ok::<_, ()>(())
        };
        let work = || in_pool(4, || for_each(1000, 4, make, Ok));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).is_err());
    }
}
