//! Every order of steps of a few threads, as far as the memory model allows, and not only those that a processor takes.

use std::ops::Range;

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;
use ndferry_loom::TaskFn;
use ndferry_loom::count::Count;
use ndferry_loom::job::Job;
use ndferry_loom::late::Late;
use ndferry_loom::seats::Seats;

/// A block with a count, as tensors are, and what its owners write and its end reads.
struct Block {
    count: Count,
    written: [UnsafeCell<usize>; 3],
    ends: AtomicUsize,
}

impl Block {
    fn new() -> Arc<Self> {
        let written = [0; 3].map(UnsafeCell::new);
        Arc::new(Self { count: Count::one(), written, ends: AtomicUsize::new(0) })
    }

    fn write(&self, owner: usize) {
        // SAFETY: each owner has a place of its own; loom fails where another thread looks at the same time.
        self.written[owner].with_mut(|place| unsafe { *place = owner + 1 });
    }

    /// Gives up a reference; the last one reads what all have written, as freeing does.
    fn release(&self) {
        if self.count.release() {
            for place in &self.written {
                // SAFETY: the last reference; loom fails where a write of another owner may come after this.
                place.with(|place| unsafe { assert!(*place <= 3) });
                place.with_mut(|place| unsafe { *place = 0 });
            }
            self.ends.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn the_last_of_three_owners_ends_the_block_after_all_that_the_others_did() {
    loom::model(|| {
        let block = Block::new();
        block.count.retain();
        block.count.retain();
        let others: Vec<_> = [1, 2]
            .map(|owner| {
                let block = block.clone();
                thread::spawn(move || {
                    block.write(owner);
                    block.release();
                })
            })
            .into();
        block.write(0);
        block.release();
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(block.ends.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_reference_that_is_passed_on_while_others_are_given_up_keeps_the_block() {
    loom::model(|| {
        let block = Block::new();
        block.count.retain();
        let other = {
            let block = block.clone();
            thread::spawn(move || {
                // One more for a thread of its own, which outlives ours.
                block.count.retain();
                let last = {
                    let block = block.clone();
                    thread::spawn(move || {
                        block.write(2);
                        block.release();
                    })
                };
                block.write(1);
                block.release();
                last.join().unwrap();
            })
        };
        block.write(0);
        block.release();
        other.join().unwrap();
        assert_eq!(block.ends.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn what_several_threads_make_at_once_is_one_value_that_all_see_whole() {
    loom::model(|| {
        let late = Arc::new(Late::nothing());
        let threads: Vec<_> = (1..3)
            .map(|maker| {
                let late = late.clone();
                thread::spawn(move || {
                    let value: usize = *late.get_or_put(Box::new(maker));
                    assert_eq!(late.get().copied(), Some(value));
                    value
                })
            })
            .collect();
        let seen = late.get().copied();
        let values: Vec<usize> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        assert_eq!(values[0], values[1]);
        assert!(seen.is_none_or(|seen| seen == values[0]));
    });
}

#[test]
fn a_job_on_the_programs_own_threads_is_done_once_and_over_when_lend_returns() {
    loom::model(|| {
        let done: Arc<[AtomicUsize; 3]> = Arc::new([0; 3].map(|_| AtomicUsize::new(0)));
        let work = {
            let done = done.clone();
            move |part: Range<usize>| part.for_each(|unit| _ = done[unit].fetch_add(1, Ordering::Relaxed))
        };
        let job = Job::new(0..3, 1, 2, &work);
        job.lend(|task: TaskFn, argument| {
            let argument = argument as usize;
            let helper = thread::spawn(move || {
                // SAFETY: the job is there until `lend` returns, which the join below comes before.
                unsafe { task(argument as *mut _, 0) }
            });
            // SAFETY: as above.
            unsafe { task(argument as *mut _, 1) };
            helper.join().unwrap();
        });
        assert_eq!(job.outcome(), Ok(()));
        assert!(done.iter().all(|times| times.load(Ordering::Relaxed) == 1));
    });
}

#[test]
fn whoever_takes_a_seat_has_the_job_that_is_there_until_it_leaves_and_is_then_waited_for() {
    /// What a helper writes and the caller reads; the caller writes to it again when it is idle.
    struct Paper(UnsafeCell<usize>);
    // SAFETY: one seat, so one helper writes; loom fails where that is not so.
    unsafe impl Sync for Paper {}
    for (helpers, offers) in [(2, 1), (1, 2)] {
        loom::model(move || {
            let seats: Arc<Seats<Paper>> = Arc::new(Seats::none());
            let help = |seats: Arc<Seats<Paper>>| {
                move || {
                    if let Some(paper) = seats.take() {
                        // SAFETY: as above.
                        paper.0.with_mut(|paper| unsafe { *paper += 1 });
                        seats.leave();
                    }
                }
            };
            let helpers: Vec<_> = (0..helpers).map(|_| thread::spawn(help(seats.clone()))).collect();
            for _ in 0..offers {
                let paper = Paper(UnsafeCell::new(0));
                // SAFETY: the last one is withdrawn, and this one lives until that is so.
                unsafe { seats.offer(&paper, 1) };
                seats.withdraw();
                while !seats.is_idle() {
                    thread::yield_now();
                }
                // SAFETY: nobody else has it any more.
                paper.0.with_mut(|paper| unsafe { assert!(*paper <= 1) });
            }
            helpers.into_iter().for_each(|helper| helper.join().unwrap());
        });
    }
}
