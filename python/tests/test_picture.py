"""What notebooks show of a tensor."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import ndferry
import numpy as np
import pytest

MATRIX = np.arange(24.0).reshape(4, 6)
TENSORS = {
    "C": lambda: ndferry.asarray(MATRIX), "F": lambda: ndferry.asarray(MATRIX).T,
    "permuted": lambda: ndferry.zeros((3, 4, 5)).permute(2, 0, 1), "negative": lambda: ndferry.asarray(MATRIX)[::-1, ::-1],
    "broadcast": lambda: ndferry.zeros(3).broadcast_to(4, 3), "sliced": lambda: ndferry.asarray(MATRIX)[1::2, ::3],
    "no axes": lambda: ndferry.asarray(3.5), "empty": lambda: ndferry.zeros((0, 3)), "one": lambda: ndferry.zeros((1, 1, 1)),
    "large": lambda: ndferry.zeros((1000, 2000), "int8"), "64 axes": lambda: ndferry.zeros((1,) * 64),
    "packed": lambda: ndferry.zeros(8, "int4"), "bfloat16": lambda: ndferry.zeros((2, 2), "bfloat16"),
    "dates": lambda: ndferry.asarray(np.zeros(3, "M8[s]")), "device": lambda: ndferry.wrap(4096, (2, 3), "f4", device="cuda:1"),
    "structured": lambda: ndferry.asarray(np.zeros((2, 2), [("x", "f4"), ("y", "i8")])),
}  # fmt: skip


class Balanced(HTMLParser):
    """Fails where an element is not closed, or is none that is expected."""

    KNOWN = {"div", "style", "dl", "dt", "dd", "pre", "svg", "title", "rect", "text", "line", "path"}

    def __init__(self):
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attributes):
        assert tag in self.KNOWN and not any(name.startswith("on") for name, _ in attributes), tag
        self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in self.KNOWN and not any(name.startswith("on") for name, _ in attributes), tag

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def drawing(tensor) -> ElementTree.Element | None:
    found = re.search(r"<svg.*</svg>", tensor._repr_html_(), re.DOTALL)
    return None if found is None else ElementTree.fromstring(found[0])


def numbers(tensor) -> list[str]:
    """What is written in the cells, row by row."""
    tag = "{http://www.w3.org/2000/svg}"
    parts = list(drawing(tensor))
    return [after.text for one, after in zip(parts, parts[1:]) if one.tag == f"{tag}rect"]


@pytest.mark.parametrize("name", TENSORS)
def test_every_layout_is_a_whole_document_fragment(name):
    tensor = TENSORS[name]()
    html = tensor._repr_html_()
    parser = Balanced()
    parser.feed(html)
    assert not parser.open and tensor.dtype.name.split("[")[0] in html
    assert (drawing(tensor) is None) == (tensor.size == 0)


def test_the_cells_are_numbered_as_they_lie_in_memory():
    matrix = ndferry.asarray(np.arange(6).reshape(2, 3))
    assert numbers(matrix) == list("012345")
    assert numbers(matrix.T) == list("031425")
    assert numbers(matrix[::-1, ::-1]) == list("543210")
    assert numbers(matrix[:, ::2]) == list("0235")
    assert numbers(ndferry.zeros(3).broadcast_to(2, 3)) == list("012012")
    assert numbers(ndferry.asarray(1)) == ["0"]


def test_the_strides_stand_beside_arrows():
    def told(tensor):
        return [one.text for one in drawing(tensor).iter("{http://www.w3.org/2000/svg}text")]

    assert {"+1", "+6"} <= set(told(ndferry.asarray(MATRIX)))
    assert {"−1", "−6"} <= set(told(ndferry.asarray(MATRIX)[::-1, ::-1]))
    assert (
        "0" in told(ndferry.zeros(3).broadcast_to(4, 3)) and "stroke-dasharray" in TENSORS["broadcast"]()._repr_html_()
    )
    assert "5 such grids: 5 × +1" in told(TENSORS["permuted"]())


def test_large_tensors_are_abbreviated():
    html = TENSORS["large"]()._repr_html_()
    assert html.count("<rect") == 25 and len(html) < 12_000


def test_hostile_field_names_stay_text():
    names = ["<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', "a\x1b[31m\x00b"[:6], "]]></svg>"]
    html = ndferry.asarray(np.zeros(2, [(one, "f4") for one in names]))._repr_html_()
    parser = Balanced()
    parser.feed(html)
    assert "<script" not in html and "<img" not in html and "\x1b" not in html and "&lt;script&gt;" in html


def test_the_doors_are_those_that_open():
    def doors(tensor):
        return re.search(r"<dt>doors</dt><dd>(.*?)</dd>", tensor._repr_html_())[1]

    assert doors(ndferry.zeros(3)) == "DLPack, DLPack before 1.0, array interface, array struct, buffer"
    assert doors(ndferry.zeros(3).as_read_only()) == "DLPack, array interface, array struct, buffer"
    assert doors(ndferry.zeros(4, "int4")) == "DLPack, DLPack before 1.0"
    assert "DLPack" not in doors(TENSORS["dates"]())


def test_nothing_of_it_is_imported_before_it_is_asked_for():
    program = "import sys, ndferry; print([one for one in sys.modules if '_picture' in one or '_html' in one])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"
