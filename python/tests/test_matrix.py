"""`python -m ndferry matrix`: outcomes, processes that die, what is written."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import ndferry
import numpy as np
import pytest
from ndferry._matrix._cases import DTYPES, LAYOUTS, Case
from ndferry._matrix._libraries import EDGE_NAMES, LIBRARIES, NAMES
from ndferry._matrix._outcomes import OUTCOMES, Trial
from ndferry._matrix._page import render
from ndferry._matrix._protocols import PROTOCOLS, NotOffered, offer
from ndferry._matrix._result import Result
from ndferry._matrix._trial import attempt

ROOT = Path(__file__).resolve().parents[2]
VECTOR = Case("float32", "vector")


def matrix(*arguments: str, path: Path | None = None, **environment: str) -> subprocess.CompletedProcess:
    paths = [str(one) for one in (path, ROOT / "python") if one] + [os.environ.get("PYTHONPATH", "")]
    return subprocess.run(
        [sys.executable, "-m", "ndferry", "matrix", *arguments],
        capture_output=True, text=True, timeout=300,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8", **environment},
    )  # fmt: skip


def trials(file: Path) -> dict[tuple[str, str, str], dict]:
    return {(one["producer"], one["consumer"], one["protocol"]): one for one in json.loads(file.read_text())["trials"]}


def test_values_survive_in_no_narrower_type():
    import numpy as np

    narrower = {
        "float64": "f4",
        "float32": "f2",
        "complex128": "c8",
        "int64": "i4",
        "uint64": "i8",
        "int32": "i2",
        "uint16": "u1",
    }
    for dtype, other in narrower.items():
        base = Case(dtype, "vector").base
        assert np.array(base, dtype).tolist() == base != np.array(base, dtype).astype(other).tolist(), dtype


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_and_ndferry_exchange_every_case(dtype, layout):
    case = Case(dtype, layout)
    for producer, consumer, protocol in (
        ("numpy", "ndferry", "asarray"),
        ("ndferry", "numpy", "asarray"),
        ("ndferry", "ndferry", "dlpack"),
    ):
        trial = attempt(producer, consumer, protocol, case)
        assert trial.outcome == "shared", (producer, consumer, dtype, layout, trial)


def test_outcomes_are_told_apart():
    def outcome(*words: str) -> str:
        return attempt(*words, VECTOR).outcome

    assert outcome("numpy", "ndferry", "dlpack") == "shared" and outcome("numpy", "bytes", "buffer") == "copied"
    assert outcome("array", "numpy", "buffer") == "shared" and outcome("array", "numpy", "dlpack") == "absent"
    assert outcome("numpy", "array", "buffer") == "copied" and outcome("numpy", "array", "dlpack") == "untaken"
    assert outcome("ndferry", "numpy", "array-struct") == "shared" and outcome("bytes", "numpy", "asarray") == "wrapped"
    assert outcome("edge-offset", "ndferry", "dlpack") == "shared" == outcome("edge-offset", "numpy", "dlpack")
    assert outcome("edge-extent", "ndferry", "dlpack") == "refused" == outcome("edge-version", "ndferry", "dlpack")
    assert outcome("edge-version", "numpy", "asarray") == "wrapped"
    flavour = "" if np.__version__.startswith("1.") else "1.0"
    assert attempt("numpy", "ndferry", "dlpack", Case("float32", "read-only")).flavour == flavour
    assert attempt("array", "ndferry", "asarray", Case("float32", "strided")).outcome == "unmade"


def test_a_read_only_flag_that_is_dropped_is_seen(monkeypatch):
    monkeypatch.setattr(LIBRARIES["ndferry"], "writable", lambda x: True)
    trial = attempt("bytes", "ndferry", "buffer", VECTOR)
    assert trial.outcome == "writable" and "read-only" in trial.detail


def test_wrong_values_are_seen(monkeypatch):
    monkeypatch.setitem(LIBRARIES["ndferry"].takes, "dlpack", lambda m, x: m.from_dlpack(x)[::-1])
    trial = attempt("numpy", "ndferry", "dlpack", VECTOR)
    assert trial.outcome == "wrong" and trial.detail.startswith("element 0 is 5.")


def test_an_offer_shows_one_protocol_only():
    tensor = ndferry.zeros(3)
    for protocol, name in (
        ("dlpack", "__dlpack__"),
        ("array-interface", "__array_interface__"),
        ("array", "__array__"),
    ):
        made = offer(tensor, protocol)
        names = ("__dlpack__", "__array_interface__", "__array_struct__", "__array__", "__arrow_c_array__")
        assert [one for one in names if hasattr(made, one)] == [name]
    with pytest.raises(NotOffered):
        offer(tensor.numpy(), "arrow")
    assert type(offer(tensor.numpy(), "buffer")) is memoryview


@pytest.fixture
def fakes(tmp_path):
    """Libraries that misbehave, under the names of real ones."""
    sources = {
        "cv2": "import os\ndef copyTo(x, y): os.abort()",
        "sparse": "import time\ndef asarray(x): time.sleep(100)",
        "unyt": "raise ImportError('half installed')",
        "pint": "import os; os._exit(3)",
    }
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    return tmp_path


def test_a_library_that_kills_its_process_costs_its_own_cells_only(fakes, tmp_path):
    file = tmp_path / "out.json"
    done = matrix(
        "--libraries",
        "opencv,unyt,sparse,pint,numpy,ndferry",
        "--json",
        str(file),
        "--timeout",
        "3",
        "--protocol",
        "asarray,dlpack",
        path=fakes,
    )
    found = trials(file)
    assert (
        found["numpy", "opencv", "asarray"]["outcome"] == "crashed"
        and "SIGABRT" in found["numpy", "opencv", "asarray"]["detail"]
    )
    assert (
        found["numpy", "sparse", "asarray"]["outcome"] == "timeout"
        and "3 s" in found["numpy", "sparse", "asarray"]["detail"]
    )
    assert (
        found["numpy", "pint", "asarray"]["outcome"] == "crashed"
        and "status 3" in found["numpy", "pint", "asarray"]["detail"]
    )
    assert (
        found["numpy", "unyt", "asarray"]["outcome"] == "refused"
        and "half installed" in found["numpy", "unyt", "asarray"]["detail"]
    )
    assert found["numpy", "ndferry", "dlpack"]["outcome"] == found["ndferry", "numpy", "asarray"]["outcome"] == "shared"
    assert done.returncode == 1 and "☠ NumPy → OpenCV over asarray: ended by SIGABRT" in done.stdout


def test_the_command_writes_what_it_found(tmp_path):
    page, file = tmp_path / "page.html", tmp_path / "out.json"
    names = "numpy,ndferry,array,mlx" if not LIBRARIES["mlx"].find() else "numpy,ndferry,array"
    done = matrix(
        "--libraries", names, "--html", str(page), "--json", str(file), "--layout", "matrix", "--dtype", "int64"
    )
    assert done.returncode == 0 and done.stderr == "" and "\x1b" not in done.stdout, done.stderr
    assert "int64, matrix" in done.stdout and "Gives nothing: array.array" in done.stdout
    raw = json.loads(file.read_text())
    assert raw["schema"] == "ndferry-matrix-1" and raw["complete"] and (raw["dtype"], raw["layout"]) == ("int64", "matrix")
    assert set(raw["outcomes"]) == set(OUTCOMES) and raw["counts"]["shared"] > 5
    if "mlx" in names:
        assert "Not installed: MLX" in done.stdout and raw["libraries"][3]["version"] is None
    text = page.read_text()
    assert text.startswith("<!doctype html>") and not re.search(r"""(src|href)\s*=|url\(|@import|https?://""", text)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_a_run_and_what_was_tried_is_written(fakes, tmp_path, ctrl_c):
    page, file = tmp_path / "page.html", tmp_path / "out.json"
    words = ["--libraries", "numpy,ndferry,sparse", "--protocol", "asarray", "--jobs", "1", "--timeout", "2"]
    command = [sys.executable, "-m", "ndferry", "matrix", *words, "--html", str(page), "--json", str(file)]
    paths = [str(fakes), str(ROOT / "python"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}
    source = f"def asarray(x):\n open({str(fakes / 'asked')!r}, 'w').close()\n time.sleep(100)"
    (fakes / "sparse.py").write_text("import time\n" + source)
    with subprocess.Popen(command, stdout=-1, stderr=-1, text=True, env=environment) as process:
        end = time.monotonic() + 100
        while not (fakes / "asked").exists() and time.monotonic() < end:
            time.sleep(0.02)
        assert file.read_text() == page.read_text() == ""  # open, and nothing in them yet
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
    assert process.returncode == 2 and "interrupted" in err and "Traceback" not in err
    raw = json.loads(file.read_text())
    assert not raw["complete"] and trials(file)["numpy", "numpy", "asarray"]["outcome"] == "shared"
    assert raw["counts"]["timeout"] == 0
    assert "from" in out and page.read_text().startswith("<!doctype html>")


def test_the_edges_are_tried_where_they_are_asked_for(tmp_path):
    file = tmp_path / "out.json"
    done = matrix("--libraries", "ndferry", "--edges", "--protocol", "dlpack", "--json", str(file))
    outcomes = {
        producer: one["outcome"] for (producer, _, _), one in trials(file).items() if one["consumer"] == "ndferry"
    }
    arrives = dict.fromkeys(("ndferry", "edge-deleter", "edge-offset", "edge-strides"), "shared")
    assert outcomes == arrives | {"edge-extent": "refused", "edge-version": "refused"} and done.returncode == 0


def test_the_table_is_ascii_where_nothing_else_can_be_shown():
    done = matrix("--libraries", "numpy,ndferry", "--protocol", "dlpack", PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout.isascii() and re.search(r"NumPy +=", done.stdout), done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="pty")
@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_has_colours_and_a_bar_unless_they_are_not_wanted(no_color):
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "ndferry", "matrix", "--libraries", "numpy,ndferry", "--jobs", "1"]
    environment = {**os.environ, "TERM": "xterm", "NO_COLOR": no_color, "PYTHONIOENCODING": "utf-8", "COLUMNS": "100"}
    with subprocess.Popen(command, stdout=follower, stderr=follower, stdin=follower, env=environment) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                more = os.read(leader, 4096)
            except OSError:  # how Linux ends a terminal
                break
            if not more:
                break
            shown += more
    os.close(leader)
    text = shown.decode()
    assert process.returncode == 0 and "[####" in text and ("\x1b[32m" in text) == (not no_color)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--libraries", "numpi"), "numpi is not known"), (("--protocol", ""), "nothing is named"),
        (("--timeout", "0"), "not above 0"), (("--dtype", "float33"), "invalid choice"), (("--jobs", "0"), "less than 1"),
        (("--libraries", "ndferry", "--json", "/no/such/folder/x"), "/no/such/folder/x"),
    ],
)  # fmt: skip
def test_wrong_options_are_status_two(words, message):
    done = matrix(*words)
    assert done.stdout == ""  # nothing was tried
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_what_strangers_say_cannot_leave_the_page():
    hostile = "</script><script>alert(1)</script><img src=x>\x1b[31m"
    page = render(
        Result(VECTOR, ["dlpack"], {"numpy": hostile}, [Trial("numpy", "numpy", "dlpack", "wrong", hostile, hostile)])
    )
    assert "<script>alert" not in page and "<img" not in page and "\x1b" not in page and page.count("</script>") == 2


def test_every_library_and_protocol_is_documented():
    text = (ROOT / "docs" / "matrix.md").read_text()
    for title in [LIBRARIES[key].title for key in [*NAMES, *EDGE_NAMES]]:
        assert title in text, title
    for key, one in OUTCOMES.items():
        assert f"| `{key}` | {one.mark.strip()} | {one.text} |" in text, key
    for key in PROTOCOLS:
        assert f"| {key} | {PROTOCOLS[key]} |" in text.replace("`", ""), key
