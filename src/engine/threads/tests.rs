//! Threads that share work: all of it is done once, whoever does it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::job::Job;
use super::*;

/// Counts how often each unit is done.
struct Tally(Vec<AtomicUsize>);

impl Tally {
    fn new(units: usize) -> Self {
        Self((0..units).map(|_| AtomicUsize::new(0)).collect())
    }

    fn add(&self, part: Range<usize>) {
        part.for_each(|unit| {
            self.0[unit].fetch_add(1, Ordering::Relaxed);
        });
    }

    fn is_once(&self) -> bool {
        self.0.iter().all(|times| times.load(Ordering::Relaxed) == 1)
    }
}

#[test]
fn every_unit_is_done_once_by_any_number_of_threads() {
    for crew in [1, 2, 3, 7, 40] {
        for units in [0, 1, 2, 5, 100, 5000] {
            for least in [0, 1, 3, 1000] {
                let tally = Tally::new(units);
                share(0..units, least, crew, &|part| tally.add(part)).expect("no panic");
                assert!(tally.is_once(), "{crew} {units} {least}");
            }
        }
    }
}

#[test]
fn many_callers_at_a_time_do_not_wait_for_each_other() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let tally = Tally::new(300);
                    share(0..300, 1, 3, &|part| tally.add(part)).expect("no panic");
                    assert!(tally.is_once());
                }
            });
        }
    });
}

#[test]
fn shared_work_within_shared_work_is_done() {
    let (outer, inner) = (Tally::new(20), AtomicUsize::new(0));
    share(0..20, 1, 3, &|part| {
        share(0..7, 1, 3, &|part| {
            inner.fetch_add(part.len(), Ordering::Relaxed);
        })
        .expect("no panic");
        outer.add(part);
    })
    .expect("no panic");
    assert!(outer.is_once() && inner.into_inner().is_multiple_of(7));
}

#[test]
fn a_panic_on_any_thread_is_an_error_of_the_caller_and_the_next_work_is_done() {
    for bad in [0, 50, 99] {
        let failed = share(0..100, 1, 3, &|part| assert!(!part.contains(&bad), "unit {bad}"));
        let error = failed.expect_err("one part panics");
        assert!(error.message().contains(&format!("unit {bad}")), "{error}");
        let tally = Tally::new(100);
        share(0..100, 1, 3, &|part| tally.add(part)).expect("no panic");
        assert!(tally.is_once());
    }
}

#[test]
fn parts_shrink_towards_the_end_but_not_below_the_least() {
    let sizes = Mutex::new(Vec::new());
    let work = |part: Range<usize>| sizes.lock().expect("no panic").push(part.len());
    Job::new(0..1000, 10, 2, &work).help();
    let sizes = sizes.into_inner().expect("no panic");
    assert_eq!((sizes[0], sizes.iter().sum::<usize>()), (250, 1000));
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[..sizes.len() - 1].iter().all(|&size| size >= 10));
}

#[test]
fn whatever_a_host_program_makes_of_its_tasks_the_work_is_done_once() {
    type Calls = fn(TaskFn, Tasks);
    /// The argument of tasks, for threads.
    #[derive(Clone, Copy)]
    struct Tasks(*mut c_void);
    // SAFETY: the job is made for threads.
    unsafe impl Send for Tasks {}
    impl Tasks {
        fn call(self, task: TaskFn, index: i64) {
            // SAFETY: within the call that lends the job.
            unsafe { task(self.0, index) };
        }
    }
    let ways: [Calls; 4] = [
        |_, _| {},
        |task, tasks| (0..3).for_each(|i| tasks.call(task, i)),
        |task, tasks| (0..9).for_each(|_| tasks.call(task, 77)),
        |task, tasks| {
            std::thread::scope(|scope| (0..3).for_each(|i| drop(scope.spawn(move || tasks.call(task, i)))))
        },
    ];
    for way in ways {
        let tally = Tally::new(500);
        let work = |part: Range<usize>| tally.add(part);
        let job = Job::new(0..500, 1, 3, &work);
        job.lend(|task, argument| way(task, Tasks(argument)));
        job.outcome().expect("no panic");
        assert!(tally.is_once());
    }
}

#[test]
fn a_count_of_zero_is_at_least_one_thread_and_huge_ones_are_cut() {
    set_count(usize::MAX);
    assert_eq!(count(), MOST);
    set_count(0);
    assert!((1..=MOST).contains(&count()));
}
