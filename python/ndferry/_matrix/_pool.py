"""The processes in which exchanges are tried."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ._cases import Case
from ._outcomes import Trial

_IMPORT_TIMEOUT = 300.0  # a large framework on a busy machine takes its time
Task = tuple[str, str, str]  # producer, consumer, protocol


class _Worker:
    """A process. What it says on its error stream is kept, for the last words of one that dies."""

    def __init__(self) -> None:
        self.imported: set[str] = set()
        self.ending = ""
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ndferry._matrix._worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=_environment(),
            encoding="utf-8", bufsize=1,
        )  # fmt: skip

    def prepare(self, task: Task, timeout: float) -> Trial | None:
        """Imports what a task needs; how that ended if it did not end well."""
        for key in dict.fromkeys(task[:2]):
            if key not in self.imported:
                if isinstance(answer := self._ask([key], timeout), str):
                    return Trial(*task, answer, f"while {key} was imported: {self.ending}")
                self.imported.add(key)
        return None

    def attempt(self, task: Task, case: Case, timeout: float) -> Trial:
        """How an attempt ended; the process is gone if it crashed or took too long."""
        answer = self._ask([*task, *case], timeout)
        if isinstance(answer, str):
            return Trial(*task, answer, self.ending)
        if "failure" in answer:
            raise RuntimeError(f"{' → '.join(task)} failed in this package:\n{answer['failure']}")
        return Trial(**answer)

    def _ask(self, words: list[str], timeout: float) -> dict[str, str] | str:
        """What the process answers, or the word for its end."""
        assert self.process.stdin is not None and self.process.stdout is not None
        timer = threading.Timer(timeout, self.process.kill)
        timer.start()
        try:
            self.process.stdin.write(json.dumps(words) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except OSError:
            answer = ""
        finally:
            is_late = not timer.is_alive()
            timer.cancel()
        if answer.endswith("\n"):
            told: dict[str, str] = json.loads(answer)
            return told
        status = self.process.wait()
        self.ending = f"no answer within {timeout:g} s" if is_late else f"{_ending(status)}{self._last_words()}"
        return "timeout" if is_late else "crashed"

    def _last_words(self) -> str:
        size = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, size - 4000))
        lines = self.errors.read().decode(errors="replace").splitlines()
        telling = [
            line.strip() for line in lines if "what()" in line or "heck failed" in line or "error" in line.lower()
        ]
        return f": {telling[-1][:200]}" if telling else ""

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def end(self) -> None:
        if self.process.stdin is not None:
            try:
                self.process.stdin.close()
            except OSError:
                pass  # it died before
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.errors.close()


def _environment() -> dict[str, str]:
    """That of this process, where the package is found."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    paths = [package, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _ending(status: int) -> str:
    if status < 0:
        try:
            return f"ended by {signal.Signals(-status).name}"
        except ValueError:
            return f"ended by signal {-status}"
    return f"ended with status {status}"


class Pool:
    """Processes that try tasks. Each imports what its tasks need, once, and is replaced when it dies."""

    def __init__(self, case: Case, jobs: int, timeout: float) -> None:
        self.broken: dict[str, Trial] = {}  # libraries whose import ends the process
        self.case = case
        self.jobs = jobs
        self.timeout = timeout

    def run(self, tasks: list[Task], started: Callable[[Task], None] = lambda task: None) -> Iterator[Trial]:
        """The trials as they end, in any order."""
        groups: queue.SimpleQueue[list[Task]] = queue.SimpleQueue()
        for group in _by_producer(tasks):
            groups.put(group)
        results: queue.SimpleQueue[Trial | BaseException] = queue.SimpleQueue()
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._serve, args=(groups, results, started, stop), daemon=True)
            for _ in range(self.jobs)
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in tasks:
                result = results.get()
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _serve(self, groups: Any, results: Any, started: Callable[[Task], None], stop: threading.Event) -> None:
        worker: _Worker | None = None
        try:
            while not stop.is_set():
                try:
                    group = groups.get_nowait()
                except queue.Empty:
                    return
                for task in group:
                    if stop.is_set():
                        return
                    started(task)
                    worker, trial = self._attempt(worker, task)
                    results.put(trial)
        except BaseException as error:  # a thread must not die in silence: the others would wait for it
            results.put(error)
        finally:
            if worker is not None:
                worker.end()

    def _attempt(self, worker: _Worker | None, task: Task) -> tuple[_Worker | None, Trial]:
        """Tries a task. What kills a process that has done other things before is tried again in a fresh one: it may
        have died of what was before."""
        for key in task[:2]:
            if key in self.broken:
                return worker, Trial(*task, self.broken[key].outcome, self.broken[key].detail)
        is_fresh = worker is None
        worker = worker or _Worker()
        failed = worker.prepare(task, max(self.timeout, _IMPORT_TIMEOUT))
        trial = failed or worker.attempt(task, self.case, self.timeout)
        if worker.is_alive:
            return worker, trial
        guilty = next((key for key in task[:2] if key not in worker.imported), None)
        worker.end()
        if trial.outcome == "crashed" and not is_fresh:
            return self._attempt(None, task)
        if guilty is not None:
            self.broken[guilty] = trial
        return None, trial


def _by_producer(tasks: list[Task]) -> list[list[Task]]:
    groups: dict[str, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task[0], []).append(task)
    return list(groups.values())
