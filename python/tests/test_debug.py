"""ndferry.debug, in processes of its own: once it is on it stays on."""

from __future__ import annotations

import os
import subprocess
import sys

import ndferry
import ndferry.debug
import pytest

IS_ON = os.environ.get("NDFERRY_DEBUG", "0") not in ("", "0")


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("NDFERRY_DEBUG", "NDFERRY_LOG")}
    return subprocess.run(
        [sys.executable, "-c", program], env={**clean, **environment}, capture_output=True, text=True, timeout=60
    )


def passes(program: str, **environment: str) -> str:
    done = run(program, **environment)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.skipif(IS_ON, reason="the environment has switched it on")
def test_while_it_is_off_there_are_no_reports_and_labels_are_lost():
    tensor = ndferry.debug.label(ndferry.zeros((2, 3)), "kept nowhere")
    assert tensor.shape == (2, 3)
    assert ndferry.debug.counts() == (0, 0, 0)
    with pytest.raises(ndferry.UnsupportedError, match="NDFERRY_DEBUG=1"):
        ndferry.debug.report()
    with pytest.raises(ndferry.UnsupportedError, match="tensors are alive"):
        ndferry.debug.enable()


def test_a_report_says_where_in_python_a_tensor_was_made():
    assert "" == passes("""
import ndferry.debug, numpy
ndferry.debug.enable()
def load():
    return ndferry.asarray(numpy.zeros((4, 5), "f4"))
frame = ndferry.debug.label(load(), "frame")
view = numpy.from_dlpack(frame)
assert ndferry.debug.counts() == (1, 1, 0)
report = ndferry.debug.report()
assert 'float32 [4, 5] on cpu, "frame", from <string>:5 in load: references: 1, DLPack: 1' in report, report
copy = frame.convert("float64")
report = ndferry.debug.report()
assert "float64 [4, 5] on cpu, from <string>:11 in <module>: references: 1\\n" in report, report
del view, frame, copy, report
assert ndferry.debug.counts() == (0, 0, 0)
""")


def test_a_handle_that_c_code_released_too_often_is_an_error_in_python_and_not_a_crash():
    told = passes(
        """
import ndferry, ndferry.debug
from ndferry._library import lib
tensor = ndferry.zeros((2, 3))
lib.ndf_tensor_release(tensor.handle)  # what no C code may do: the reference is the object's
for use in (lambda: tensor.shape, lambda: tensor.flip(0), lambda: tensor.tolist(), lambda: ndferry.from_dlpack(tensor)):
    try:
        use()
    except (ndferry.InvalidArgumentError, ValueError) as error:
        assert ", from <string>:4 in <module>, which" in str(error), error
    else:
        raise AssertionError(use)
assert ndferry.debug.counts().misuses >= 4
del tensor
""",
        NDFERRY_DEBUG="1",
    )
    assert "ndferry: error: `self` is tensor #1, float64 [2, 3] on cpu, from <string>:4 in <module>, which was released" in told
    assert "\n  made " in told and "\n  released " in told


def test_a_foreign_pointer_is_no_handle():
    told = passes(
        """
import ctypes, ndferry
room = ctypes.create_string_buffer(64)
for retain in (False, True):
    try:
        ndferry.from_handle(ctypes.addressof(room), retain=retain)
    except (ndferry.InvalidArgumentError, ValueError) as error:
        assert "where this library has no tensor" in str(error), error
    else:
        raise AssertionError
""",
        NDFERRY_DEBUG="1",
    )
    assert told.count("ndferry: error: ") == 2


def test_messages_go_to_a_function_of_python_until_the_interpreter_ends():
    assert "" == passes(
        """
import ndferry, ndferry.debug
heard = []
ndferry.debug.set_log(lambda level, message: heard.append((level, message)), "info")
tensor = ndferry.zeros((3, 2)).permute(1, 0)
ndferry.debug.label(tensor, "turned")
tensor.__arrow_c_array__()
assert any(level == "info" and "Arrow: 48 bytes are copied" in message for level, message in heard), heard
heard.clear()
ndferry.debug.set_log(None)
tensor.__arrow_c_array__()
assert not heard
"""
    )


def test_levels_are_words():
    with pytest.raises(ValueError, match="level"):
        ndferry.debug.set_log(print, "loud")


def test_the_environment_asks_for_messages_on_standard_error():
    told = passes(
        "import ndferry; ndferry.zeros((3, 2)).permute(1, 0).__arrow_c_array__()",
        NDFERRY_LOG="info",
    )
    assert "ndferry: info: Arrow: 48 bytes are copied" in told


def test_what_is_never_released_is_told_at_the_end():
    told = passes(
        """
import ndferry
from ndferry._library import lib
tensor = ndferry.zeros((2, 3))
lib.ndf_tensor_retain(tensor.handle)
del tensor
""",
        NDFERRY_DEBUG="1",
    )
    assert told.startswith("ndferry: warning: at the end of the process: handles: 1, open exports: 0, misuses: 0\n")
    assert "float64 [2, 3] on cpu, from <string>:4 in <module>: references: 1\n" in told
