"""Threads, progress and cancelling."""

import ctypes
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

import ndferry
from ndferry._library import check, lib

SHAPE = (811, 7, 389)


@pytest.fixture(autouse=True)
def default_threads():
    yield
    ndferry.set_thread_count(0)
    check(lib.ndf_set_parallel_for(None, None))


def transposed():
    numbers = ndferry.empty(SHAPE, "int32")
    for i in range(SHAPE[0]):
        numbers[i].fill(i)
    return numbers.permute(2, 1, 0)


def large():
    """A number that becomes 192 MiB."""
    return ndferry.full((1,), 7, "uint8").broadcast_to(3 << 26)


def test_any_number_of_threads_gives_the_same_elements():
    source = transposed()
    ndferry.set_thread_count(1)
    one = source.convert("float64").tobytes()
    for count in (2, 3, 7, 10**9):
        ndferry.set_thread_count(count)
        assert source.convert("float64").tobytes() == one
        assert source.equal(source.convert("float64"))


def test_the_number_of_threads():
    ndferry.set_thread_count(3)
    assert ndferry.get_thread_count() == 3
    for wrong, error in ((-1, ValueError), (-(10**30), ValueError), (1.5, TypeError), ("2", TypeError)):
        with pytest.raises(error):
            ndferry.set_thread_count(wrong)
    assert ndferry.get_thread_count() == 3
    ndferry.set_thread_count(10**30)
    assert ndferry.get_thread_count() == 256


@pytest.mark.parametrize(("text", "expected"), [("3", 3), ("1", 1), ("0", None), ("-2", None), ("many", None), ("", None)])
def test_the_environment_names_the_default(text, expected):
    program = "import ndferry; print(ndferry.get_thread_count())"
    answers = [
        int(subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=env).stdout)
        for env in ({**os.environ, "NDFERRY_THREADS": text}, {**os.environ, "NDFERRY_THREADS": ""})
    ]
    assert answers[0] == (expected or answers[1]) and answers[1] >= 1


def test_a_pool_of_python_does_the_work():
    source = transposed()
    ndferry.set_thread_count(1)
    one = source.convert("float64").tobytes()
    ndferry.set_thread_count(4)
    task_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
    function_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, task_type, ctypes.c_void_p)
    workers = set()
    with ThreadPoolExecutor(4) as pool:

        def run(task, argument, i):
            workers.add(threading.get_ident())
            task(argument, i)

        @function_type
        def parallel_for(_, count, task, argument):
            for done in [pool.submit(run, task, argument, i) for i in range(count)]:
                done.result()

        check(lib.ndf_set_parallel_for(parallel_for, None))
        assert source.convert("float64").tobytes() == one
        assert workers and threading.get_ident() not in workers
        check(lib.ndf_set_parallel_for(None, None))


def test_progress_is_told_and_ends_with_all_bytes():
    told = []
    made = large().convert("uint8", progress=lambda done, total: told.append((done, total)))
    assert [total for _, total in told] == [3 << 26] * 3
    assert sorted(told) == told and told[-1][0] == 3 << 26
    assert made.equal(large())
    told.clear()
    ndferry.zeros(5, "int16").copy_into(ndferry.empty(5, "int32"), progress=lambda *both: told.append(both))
    assert told == [(20, 20)]


@pytest.mark.parametrize("last", [1, 2, 3])
def test_a_conversion_is_cancelled_at_any_report(last):
    calls = []
    before = ndferry.statistics()

    def stop(done, total):
        calls.append(done)
        return len(calls) < last

    with pytest.raises(ndferry.CancelledError, match=f"after .* of {3 << 26} bytes"):
        large().convert("uint8", progress=stop)
    assert len(calls) == last and ndferry.statistics() == before
    calls.clear()
    with pytest.raises(RuntimeError, match="`progress`"):
        ndferry.empty(3 << 26, "uint8").copy_from(large(), progress=stop)
    assert len(calls) == last


def test_what_progress_raises_is_raised():
    def fail(done, total):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        large().convert("uint8", progress=fail)
    with pytest.raises(TypeError):
        large().convert("uint8", progress=7)


def test_ctrl_c_stops_a_long_conversion(ctrl_c):
    calls = []

    def slow(done, total):
        calls.append(done)

    source = ndferry.full((1,), 7, "uint8").broadcast_to(1 << 20, 1 << 11)  # 2 GiB of a type that takes time
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    timer.start()
    end = time.monotonic() + 60
    with pytest.raises(KeyboardInterrupt):
        while time.monotonic() < end:
            calls.clear()
            source[: 1 << 17].convert("uint8", scale=0.5, progress=slow)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is before
    assert len(calls) < 4


def test_a_handler_of_ctrl_c_that_raises_nothing_stops_nothing_and_is_told_where():
    frames = []
    before = signal.signal(signal.SIGINT, lambda number, frame: frames.append((number, frame)))
    try:
        made = large().convert("uint8", progress=lambda done, total: os.kill(os.getpid(), signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert made.equal(large())
    assert [number for number, _ in frames] == [signal.SIGINT] * 3
    assert all(frame.f_code.co_filename for _, frame in frames)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no such signal")
def test_what_a_handler_of_any_signal_raises_stops_a_long_conversion():
    def expire(number, frame):
        raise TimeoutError("enough")

    source = ndferry.full((1,), 7, "uint8").broadcast_to(1 << 17, 1 << 11)
    before = signal.signal(signal.SIGALRM, expire)
    try:
        with pytest.raises(TimeoutError, match="enough"):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            for _ in range(1000):
                source.convert("uint8", scale=0.5, progress=lambda done, total: None)
        assert signal.getsignal(signal.SIGALRM) is expire
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("fails", [False, True])
def test_progress_is_let_go_of_at_once(fails):
    class Watch:
        def __call__(self, done, total):
            if fails:
                raise LookupError("enough")

    source, watch = ndferry.zeros(5, "int16"), Watch()
    gone = weakref.ref(watch)
    gc.disable()
    try:
        try:
            source.convert("int32", progress=watch)
        except LookupError:
            pass
        del watch
        assert gone() is None
    finally:
        gc.enable()


def test_an_interpreter_beside_the_main_one_tells_progress_too():
    interpreters = pytest.importorskip("_xxsubinterpreters" if sys.version_info < (3, 13) else "_interpreters")
    one = interpreters.create("legacy") if sys.version_info >= (3, 13) else interpreters.create(isolated=False)
    told, tell = os.pipe()
    try:
        code = f"""
import os, sys
sys.path[:] = {sys.path!r}
import ndferry
ndferry.zeros(5, "int16").convert("int32", progress=lambda done, total: os.write({tell}, b"%d of %d" % (done, total)))
os.write({tell}, b"!")
"""
        failure = interpreters.run_string(one, code)
        assert failure is None, failure
        assert os.read(told, 99) == b"20 of 20!"
    finally:
        interpreters.destroy(one)
        os.close(told)
        os.close(tell)


def test_without_progress_ctrl_c_is_raised_when_the_conversion_is_over(ctrl_c):
    """Native code is not interrupted: what was asked for is done, and nothing is left half written."""
    source = ndferry.full((1,), 7, "uint8").broadcast_to(1 << 26)
    target = ndferry.zeros(1 << 26, "float32")  # 256 MiB, which take longer than the timer
    before = signal.getsignal(signal.SIGINT)
    timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))
    end = time.monotonic() + 60
    with pytest.raises(KeyboardInterrupt):
        timer.start()
        while time.monotonic() < end:
            target.fill(0)
            target.copy_from(source)
    timer.join()
    assert signal.getsignal(signal.SIGINT) is before
    one = target[:1].item()
    assert one in (0, 7) and target.equal(ndferry.full((1,), one, "float32").broadcast_to(1 << 26))


def test_a_thread_that_is_not_the_main_one_tells_progress_too():
    told = []
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: large().convert("uint8", progress=lambda done, total: told.append(done))).result()
    assert told[-1] == 3 << 26


def test_other_threads_run_while_one_converts_with_progress():
    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.monotonic())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begin = time.monotonic()
    large().convert("float32", scale=0.5, progress=lambda done, total: None)
    end = time.monotonic()
    stop.set()
    thread.join()
    assert any(begin < at < end for at in ticks)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_converts_after_its_parent_has_used_threads():
    program = (
        "import os, sys, warnings, ndferry\n"
        "warnings.simplefilter('ignore')\n"
        "ndferry.set_thread_count(3)\n"
        "source = ndferry.full((1,), 7, 'uint8').broadcast_to(1 << 23)\n"
        "assert source.convert('float32').equal(source)\n"
        "child = os.fork()\n"
        "good = source.convert('float32').equal(source)\n"
        "if not child: os._exit(0 if good else 1)\n"
        "sys.exit(os.waitpid(child, 0)[1] or not good)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_process_with_idle_or_busy_threads_ends():
    program = (
        "import threading, ndferry\n"
        "ndferry.set_thread_count(3)\n"
        "source = ndferry.full((1,), 7, 'uint8').broadcast_to(1 << 23)\n"
        "def work():\n"
        "    while True: source.convert('float32')\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "source.convert('float32')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_helpers_have_a_name_and_no_signals_but_those_of_their_own_faults():
    # The C library starts a thread with all signals blocked; one that the conversion did not wait for may be there still.
    program = (
        "import os, time, ndferry\n"
        "ndferry.set_thread_count(3)\n"
        "source = ndferry.full((1,), 7, 'uint8').broadcast_to(1 << 23)\n"
        "source.convert('float32')\n"
        "for _ in range(200):\n"
        "    stats = [open(f'/proc/self/task/{task}/status').read() for task in os.listdir('/proc/self/task')]\n"
        "    masks = [stat.split('SigBlk:')[1].split()[0] for stat in stats if 'Name:\\tndferry' in stat]\n"
        "    if not any(int(mask, 16) & 1 << 10 for mask in masks): break\n"
        "    time.sleep(0.05)\n"
        "print(*masks)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    masks = done.stdout.split()
    if len(os.sched_getaffinity(0)) > 1:
        assert len(masks) == 2
    # All but SIGKILL and SIGSTOP, which nobody blocks, and two that the C library keeps for itself.
    every, faults = 0x7FFFFFFE_7FFBFEFF, ("SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "SIGTRAP", "SIGSYS")
    free = sum(1 << getattr(signal, name) - 1 for name in faults)
    assert all(int(mask, 16) & every == every & ~free for mask in masks)
