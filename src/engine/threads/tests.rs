//! Threads that share work: all of it is done once, whoever does it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::job::Job;
use super::pool::Pool;
use super::streak::{Help, Streak};
use super::*;

/// Up to so many threads, woken.
fn woken(size: usize) -> Crew {
    Crew { size, wakes: true, start: 0 }
}

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
                share(0..units, least, woken(crew), &|part| tally.add(part)).expect("no panic");
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
                    share(0..300, 1, woken(3), &|part| tally.add(part)).expect("no panic");
                    assert!(tally.is_once());
                }
            });
        }
    });
}

#[test]
fn shared_work_within_shared_work_is_done() {
    let (outer, inner) = (Tally::new(20), AtomicUsize::new(0));
    share(0..20, 1, woken(3), &|part| {
        share(0..7, 1, woken(3), &|part| {
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
        let failed = share(0..100, 1, woken(3), &|part| assert!(!part.contains(&bad), "unit {bad}"));
        let error = failed.expect_err("one part panics");
        assert!(error.message().contains(&format!("unit {bad}")), "{error}");
        let tally = Tally::new(100);
        share(0..100, 1, woken(3), &|part| tally.add(part)).expect("no panic");
        assert!(tally.is_once());
    }
}

#[test]
fn parts_shrink_towards_the_end_but_not_below_the_least() {
    let sizes = Mutex::new(Vec::new());
    let work = |part: Range<usize>| sizes.lock().expect("no panic").push(part.len());
    Job::new(0..1000, 10, 2, &work).help(End::Front);
    let sizes = sizes.into_inner().expect("no panic");
    assert_eq!((sizes[0], sizes.iter().sum::<usize>()), (250, 1000));
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[..sizes.len() - 1].iter().all(|&size| size >= 10));
}

#[test]
fn helpers_take_parts_from_the_end_where_the_caller_comes_last() {
    let parts = Mutex::new(Vec::new());
    let work = |part: Range<usize>| parts.lock().expect("no panic").push(part);
    Job::new(7..1002, 10, 2, &work).help(End::Back);
    let parts = parts.into_inner().expect("no panic");
    assert_eq!((parts[0].end, parts[parts.len() - 1].start), (1002, 7));
    assert!(parts.windows(2).all(|two| two[1].end == two[0].start));
}

/// A pool that no other test has. It lives as long as its threads may: to the end, and in a list, so that one without
/// threads is not taken for a leak.
fn pool() -> &'static Pool {
    static ALL: Mutex<Vec<&Pool>> = Mutex::new(Vec::new());
    let pool = Box::leak(Box::new(Pool::new()));
    ALL.lock().expect("no panic").push(pool);
    pool
}

/// Has `pool` do 100 units, and tells whether a helper has done some. Who has one waits a little, so that others come.
fn is_shared(pool: &'static Pool, wakes: bool) -> bool {
    let (tally, caller) = (Tally::new(100), std::thread::current().id());
    let helped = AtomicUsize::new(0);
    let work = |part: Range<usize>| {
        let helps = std::thread::current().id() != caller;
        helped.fetch_add(usize::from(helps), Ordering::Relaxed);
        (0..200).for_each(|_| std::hint::spin_loop());
        tally.add(part);
    };
    let job = Job::new(0..100, 1, 2, &work);
    pool.run(&job, 1, wakes);
    job.outcome().expect("no panic");
    assert!(tally.is_once());
    helped.into_inner() > 0
}

/// Whether `happens` comes true before long, on a machine that may be busy.
fn soon(mut happens: impl FnMut() -> bool) -> bool {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while std::time::Instant::now() < end {
        if happens() {
            return true;
        }
    }
    false
}

/// Whether a pool may have helpers here: not where there is one processor.
fn has_helpers() -> bool {
    std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}

#[test]
fn work_for_those_who_are_awake_is_the_callers_where_nobody_is_and_starts_no_thread() {
    let pool = pool();
    assert!(!is_shared(pool, false));
    assert!(!is_shared(pool, false));
    assert_eq!(pool.awake(), 0);
}

#[test]
fn who_has_just_helped_helps_again_without_being_woken() {
    let pool = pool();
    assert!(!has_helpers() || soon(|| is_shared(pool, true) && is_shared(pool, false)));
}

#[test]
#[cfg(target_os = "linux")]
fn helpers_without_work_sleep_before_long_and_take_no_time_then() {
    let pool = pool();
    for _ in 0..50 {
        is_shared(pool, true);
    }
    let before = pool.busy();
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert!(soon(|| pool.awake() == 0), "somebody is awake for ever");
    let asleep = pool.busy();
    assert!(asleep - before < std::time::Duration::from_millis(2), "{:?}", asleep - before);
    assert!(soon(|| {
        let before = pool.busy();
        std::thread::sleep(std::time::Duration::from_millis(50));
        pool.busy() == before
    }));
    assert!(!is_shared(pool, false), "nobody wakes them for work that is not worth it");
}

/// What a streak says at each of `calls` calls that take so many nanoseconds, with pauses between them.
fn answers(streak: &Streak, calls: usize, [work, pause]: [u64; 2], mut help: impl FnMut(usize)) -> Vec<Help> {
    let mut now = 1_000_000_000;
    let mut call = |call| {
        let answer = streak.goes_on(now);
        help(call);
        streak.pauses(now, now + work);
        now += work + pause;
        answer
    };
    (0..calls).map(&mut call).collect()
}

#[test]
fn calls_that_follow_each_other_are_worth_to_wake_somebody_once_they_have_lasted() {
    let streak = Streak::new();
    let answers = answers(&streak, 50, [39_000, 1_000], |_| streak.helps());
    // 200 µs are five of these calls, with the pauses between them.
    assert!(answers[..5].iter().all(|&help| help == Help::Nobody));
    for (call, &help) in answers.iter().enumerate().skip(5) {
        assert_eq!(help, if call % 5 == 0 { Help::All } else { Help::Awake }, "{call}");
    }
}

#[test]
fn calls_with_long_pauses_between_them_wake_nobody() {
    for times in [[150_000, PATIENCE], [10_000, 10_000], [30_000, 40_000], [1_000, 1_000_000]] {
        let streak = Streak::new();
        let answers = answers(&streak, 500, times, |_| streak.helps());
        assert!(answers.iter().all(|&help| help == Help::Nobody), "{times:?}");
    }
}

#[test]
fn who_is_called_in_vain_is_called_more_and_more_rarely_until_somebody_helps() {
    let streak = Streak::new();
    let answers = answers(&streak, 4000, [9_900, 100], |call| {
        if call == 3000 {
            streak.helps();
        }
    });
    let called: Vec<usize> = (0..4000).filter(|&call| answers[call] == Help::All).collect();
    let apart: Vec<usize> = called.windows(2).map(|two| two[1] - two[0]).collect();
    assert_eq!(apart[..6], [20, 40, 80, 160, 320, 640]);
    assert!(apart.iter().skip(6).any(|&calls| calls == 20), "{apart:?}");
}

#[test]
fn one_thread_is_alone_whatever_the_work_is_worth() {
    for wakes in [false, true] {
        let crew = Crew::gather(1, wakes);
        assert!(crew.size == 1 && !crew.wakes);
    }
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
