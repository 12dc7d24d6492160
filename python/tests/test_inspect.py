"""`ndferry.inspect`: for every rule a liar that breaks it, and honest objects that break none."""

from __future__ import annotations

import array
import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path

import ndferry
import numpy as np
import pytest
import zoo.deleters
from liars import LIARS, Cuda, Interface, Producer
from ndferry._inspect import RULES, SEVERITIES
from samples import numpy_dtype
from zoo import CHAPTERS

ROOT = Path(__file__).resolve().parents[2]
NUMPY_1 = np.__version__.startswith("1.")
# NumPy 1 knows neither keyword.
NUMPYS = {"array-copy-keyword", "dlpack-keywords"} if NUMPY_1 else set()


def rules_of(report) -> set[str]:
    return {one.id for one in report.findings}


def command(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "ndferry", "inspect", *arguments], capture_output=True, text=True, timeout=120
    )


def test_every_rule_has_a_liar_and_every_liar_a_rule():
    assert set(LIARS) == set(RULES)


@pytest.mark.parametrize("rule", sorted(LIARS))
def test_a_liar_is_caught(rule):
    liar = LIARS[rule]()
    report = ndferry.inspect(liar)
    assert rule in rules_of(report), str(report)
    found = next(one for one in report.findings if one.id == rule)
    assert found.severity == RULES[rule].severity in SEVERITIES and found.message and found.source
    assert rule in str(report) and rule in report._repr_html_()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "chapter",
    [one for one in CHAPTERS if one is not zoo.deleters],  # who have one struct, which each question would end again
    ids=lambda one: one.__name__.rpartition(".")[2],
)
def test_whoever_lies_to_consumers_is_described_and_breaks_nothing(chapter):
    for animal in chapter.animals():
        if animal.slow:
            continue
        cage = animal.make()  # which keeps what the animal points at
        try:
            report = ndferry.inspect(cage.given)
        except Exception as error:
            raise AssertionError(f"{animal}: {error!r}") from error
        except BaseException:  # what ends programs is let through
            continue
        json.dumps(report.to_dict())
        assert str(report) and report._repr_html_(), animal


@pytest.mark.parametrize(
    "honest",
    [
        Producer(), Producer(flags=1), Producer(shape=(), strides=()), Producer(device=(2, 0)), Interface(), Cuda(),
        b"abc", bytearray(3), memoryview(b"abc"), array.array("d", [1, 2]), 3, "text", [1, 2], None, object(), float,
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_the_honest_are_not_accused(honest):
    report = ndferry.inspect(honest)
    assert not report.findings, str(report)


ARRAYS = {
    "vector": np.arange(6.0), "no axes": np.array(3.0), "bool": np.zeros(3, "?"), "complex": np.zeros(3, "c16"),
    "object": np.array([None, 3]), "text": np.zeros(3, "U3"), "bytes": np.zeros(3, "S3"), "long double": np.zeros(3, "g"),
    "one row": np.zeros((1, 4)), "big-endian": np.zeros(3, ">f4"),
}  # fmt: skip


@pytest.mark.parametrize("name", ARRAYS)
def test_numpys_arrays_keep_the_rules(name):
    report = ndferry.inspect(ARRAYS[name])
    assert rules_of(report) == NUMPYS, str(report)


@pytest.mark.parametrize(
    ("array_", "found"),
    [
        (np.zeros((2, 3)), {"buffer-refusal-class"}),  # refuses Fortran order with a ValueError
        (np.zeros((0, 4)), {"dlpack-empty-data"}),
        (np.zeros(3, [("x", "f4"), ("y", "i8")]), {"struct-flags", "struct-fields-lost", "read-only-differs"}),
        (np.zeros(3, "M8[s]"), {"dtype-lost", "buffer-refusal-class"}),
        (np.frombuffer(bytearray(13), "u1")[1:].view("f4"), {"dlpack-unaligned"}),
        (np.zeros(3, numpy_dtype("bfloat16")), {"dtype-lost", "buffer-refusal-class"}),
    ],
    ids=["order", "empty", "structured", "dates", "unaligned", "bfloat16"],
)
def test_numpys_own_deviations_are_found_and_no_others(array_, found):
    report = ndferry.inspect(array_)
    assert rules_of(report) == found | NUMPYS, str(report)


TENSORS = {
    "plain": lambda: ndferry.zeros((2, 3)), "empty": lambda: ndferry.zeros((0, 3)), "no axes": lambda: ndferry.zeros(()),
    "strided": lambda: ndferry.zeros((4, 6))[::2, ::-1], "permuted": lambda: ndferry.zeros((2, 3, 4)).permute(2, 0, 1),
    "read-only": lambda: ndferry.zeros(3).as_read_only(), "broadcast": lambda: ndferry.zeros(3).broadcast_to(4, 3),
    "bfloat16": lambda: ndferry.zeros(3, "bfloat16"), "packed": lambda: ndferry.zeros(4, "int4"),
    "structured": lambda: ndferry.asarray(np.zeros(3, [("x", "f4"), ("y", "i8")])),
    "dates": lambda: ndferry.asarray(np.zeros(3, "M8[s]")), "text": lambda: ndferry.asarray(np.zeros(3, "U3")),
    "big-endian": lambda: ndferry.asarray(np.zeros((2, 3), ">f4")),
}  # fmt: skip


@pytest.mark.parametrize("name", TENSORS)
def test_ndferrys_own_tensors_keep_every_rule(name):
    report = ndferry.inspect(TENSORS[name]())
    assert not report.findings, str(report)


def test_the_facts_are_those_of_the_object():
    array_ = np.arange(24.0).reshape(2, 3, 4)[:, ::-1, ::2]
    facts = ndferry.inspect(array_).protocols
    versioned = [] if NUMPY_1 else ["dlpack"]
    for name in (*versioned, "dlpack (legacy)", "__array_interface__", "__array_struct__", "buffer", "__array__"):
        one = facts[name]
        assert (one.pointer, one.shape, one.strides) == (array_.ctypes.data, array_.shape, array_.strides)
        assert one.dtype == "float64" and one.device == (1, 0) and one.order == "" and one.read_only in (False, None)
    assert facts["dlpack"].version == (None if NUMPY_1 else "1.0") and facts["dlpack (legacy)"].version == "legacy"
    assert facts["__cuda_array_interface__"].state == "absent"
    assert facts["buffer"].details["granted"] == ["FULL_RO", "FULL", "RECORDS_RO", "STRIDED_RO"]


def test_nothing_is_written_and_nothing_kept():
    array_ = np.arange(1000.0)
    before, count = array_.copy(), sys.getrefcount(array_)
    for _ in range(3):
        str(ndferry.inspect(array_))
    assert (array_ == before).all() and sys.getrefcount(array_) == count


def test_copies_are_asked_for_up_to_the_limit_only():
    asked = []

    class Watched(Producer):
        def __dlpack__(self, **keywords):
            asked.append(keywords.get("copy"))
            return super().__dlpack__(**keywords)

    ndferry.inspect(Watched())
    assert True in asked
    asked.clear()
    ndferry.inspect(Watched(), copy_limit=8)
    assert True not in asked and False in asked


def test_every_capsule_that_was_asked_for_is_ended():
    producer = Producer()
    ndferry.inspect(producer)
    assert producer.made == producer.ended > 3


def test_the_report_is_json_text_and_html():
    report = ndferry.inspect(np.zeros((2, 3)))
    raw, count = json.loads(json.dumps(report.to_dict())), 1 + len(NUMPYS)
    assert raw["schema"] == "ndferry-inspect-1" and raw["counts"] == {"violation": count, "disagreement": 0, "note": 0}
    assert raw["protocols"]["dlpack (legacy)"]["shape"] == [2, 3]
    assert "buffer-refusal-class" in {one["rule"] for one in raw["findings"]}
    assert "violation  buffer-refusal-class" in str(report)
    assert repr(report).endswith(f"{count} violation{'s' * (count > 1)}>")
    hostile = LIARS["struct-fields-lost"]()
    assert "<script" not in ndferry.inspect(hostile)._repr_html_()


def test_hostile_names_cannot_leave_the_html():
    array_ = np.zeros(2, [("<script>alert(1)</script>\x1b[31m", "f4")])
    html = ndferry.inspect(array_)._repr_html_()
    assert "<script>" not in html and "\x1b" not in html and "&lt;script&gt;" in html


@pytest.mark.skipif(NUMPY_1, reason="NumPy 1 keeps no rule of the new keywords")
def test_the_command_tells_by_its_exit_status(tmp_path):
    assert command("numpy:zeros(3)", "--strict").returncode == 0
    done = command("numpy:zeros((2, 3))")
    assert done.returncode == 1 and "buffer-refusal-class" in done.stdout
    assert command("numpy:zeros((2, 3))", "--ignore", "buffer-refusal-class").returncode == 0
    done = command("numpy:zeros(3, [('x', 'f4')])", "--ignore", "struct-flags", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["counts"]["disagreement"] == 2
    assert command("numpy:zeros(3, [('x', 'f4')])", "--ignore", "struct-flags", "--strict").returncode == 1
    page = tmp_path / "page.html"
    assert command("ndferry:zeros((2, 3), float32)", "--html", str(page)).returncode == 0
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("numpy",), "MODULE:EXPRESSION"), (("no_such_module:x",), "no_such_module"), (("numpy:nothing",), "nothing"),
        (("numpy:zeros(3)", "--ignore", "no-rule"), "no-rule"), (("numpy:zeros(3)", "--html", "/no/such/folder/x"), "--html"),
    ],
)  # fmt: skip
def test_what_cannot_be_inspected_is_status_two(words, message):
    done = command(*words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_the_documentation_has_the_rules_as_they_are():
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.+) \| (.+) \|$", (ROOT / "docs" / "inspect.md").read_text(), re.M)
    assert rows == [(one.id, one.severity, one.text, one.source) for one in RULES.values()]


def test_looking_costs_nothing_at_import():
    program = "import sys, ndferry; print([one for one in sys.modules if '_inspect' in one or '_html' in one])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_ctypes_array_is_described():
    facts = ndferry.inspect((ctypes.c_float * 3)()).protocols["buffer"]
    assert facts.shape == (3,) and facts.itemsize == 4


def test_what_offers_no_protocol_is_never_clean():
    """A test that was given the wrong object must not stay green."""
    for thing in (5, "x", np.zeros, np):
        report = ndferry.inspect(thing)
        assert not report.is_array and not report.is_clean() and "no array protocol" in str(report)
    assert ndferry.inspect(np.zeros(3)).is_array


def test_rules_that_may_be_broken_are_no_faults():
    report = ndferry.inspect(np.zeros((2, 3)))
    broken = rules_of(report)
    assert broken and not report.is_clean() and not report.is_clean(ignore=[])
    assert report.is_clean(ignore=broken) and rules_of(report) == broken
    assert not report.is_clean(ignore=broken - {"buffer-refusal-class"})
    differing = ndferry.inspect(np.zeros(3, [("x", "f4")]))
    violations = {one.id for one in differing.findings if one.severity == "violation"}
    assert differing.is_clean(ignore=violations) and not differing.is_clean(True, ignore=violations)
    assert not ndferry.inspect(3).is_clean(ignore=RULES)
    with pytest.raises(ValueError, match="no rule no-such-rule"):
        report.is_clean(ignore=["no-such-rule"])
    with pytest.raises(TypeError, match="a list of rules"):
        report.is_clean(ignore="buffer-refusal-class")
