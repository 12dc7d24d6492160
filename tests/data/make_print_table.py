#!/usr/bin/env python3
"""Writes numpy_print.txt beside itself: arrays, and the text that NumPy prints for them.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6
    venv/bin/python tests/data/make_print_table.py

A line is one case, its fields apart by tabs: the type as NumPy's typestring or description; the shape; the strides in
elements; the offset of element [0, …, 0] from the start of the memory, in elements; precision, threshold, edge items
and line width, 0 for the default; the memory in hexadecimal; the text, with newlines and backslashes escaped.
"""

import pathlib
import warnings

import numpy as np

warnings.simplefilter("ignore")
rng = np.random.default_rng(20240229)
lines = []


def descr(dtype):
    return repr(dtype.descr) if dtype.names else dtype.str


def add(view, memory=None, **options):
    """One case; `memory` is the contiguous array that `view` looks into, if it is not contiguous itself."""
    view = np.asanyarray(view)
    if memory is None:
        memory = view = np.ascontiguousarray(view).reshape(view.shape)
    assert view.size == 0 or view.itemsize == 0 or np.may_share_memory(view, memory)
    size = view.itemsize
    offset = view.__array_interface__["data"][0] - memory.__array_interface__["data"][0] if view.size else 0
    assert size == 0 or (offset % size == 0 and all(stride % size == 0 for stride in view.strides))
    strides = [stride // size if size else 0 for stride in view.strides]
    names = {"precision": "precision", "threshold": "threshold", "edge": "edgeitems", "width": "max_line_width"}
    text = np.array2string(view, separator=", ", **{names[key]: value for key, value in options.items()})
    fields = [
        descr(view.dtype),
        " ".join(map(str, view.shape)),
        " ".join(map(str, strides)),
        str(offset // size if size else 0),
        " ".join(str(options.get(key, 0)) for key in names),
        memory.tobytes().hex(),
        text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r"),
    ]
    assert not any("\t" in field for field in fields)
    lines.append("\t".join(fields))


def bits(dtype, count):
    """Numbers with any bits at all."""
    return np.frombuffer(rng.bytes(np.dtype(dtype).itemsize * count), dtype)


def integers():
    for kind in "bhiqBHIQ":
        limits = np.iinfo(kind)
        add(np.array([limits.min, 0, 7, limits.max], kind))
        add(np.array(limits.max, kind))
        add(bits(kind, 12).reshape(3, 4))
        add(np.array([0, 100, 5], kind).astype(np.dtype(kind).newbyteorder(">")))
    add(np.array([True, False, True]))
    add(np.array(True))
    add(np.array(False))
    add(np.zeros((2, 1, 3), bool))


def floats():
    nan, inf = np.nan, np.inf
    columns = [
        [0.0], [-0.0], [1.0, -1.0], [0.1, 0.25, 1.5], [nan], [inf], [-inf], [nan, inf], [nan, -inf], [nan, -0.0],
        [nan, 1.5], [inf, 1.25, -3], [-inf, 100], [1e-4], [9.9e-5], [1.0001e-4, 0.5], [1, 1000], [1, 1001],
        [0.1, 100.1], [0.1, 100], [999], [1000], [1e3, 1], [999999], [1e6], [99999999], [1e8], [1e100, 1], [1e-100, 1],
        [1e-300, nan], [-1e-5, 1], [1 / 3, 2 / 3], [1e5 / 3], [123456.789, 1], [3e38], [1e10, -inf], [1e10, nan],
        [0, 1e-10], [1e16], [1e22], [2.0**-24], [2.0**-44], [5e-324], [1.7976931348623157e308], [0.30000000000000004],
        [0.000123456789], [65504], [6e-8], [0.5, 0.125, 0.0625], [0, 0, 1e9], [1e-7, 2e-7], [12345678.9], [2e-45],
    ]
    for kind in "efd":
        for column in columns:
            add(np.array(column, kind))
            add(np.array(column[0], kind))
        for precision in 1, 2, 3, 5, 12, 17, 30:
            add(np.array([1 / 3, 0.05, 0.005, 0.0051, 2.5, -0.25], kind), precision=precision)
            add(np.array([1e10, 1 / 3, 2.0**-20], kind), precision=precision)
            add(rng.normal(size=6).astype(kind), precision=precision)
        for count in range(2, 9):
            add((rng.normal(size=count) * 10 ** rng.uniform(-6, 9)).astype(kind))
            add((rng.normal(size=count) * 10 ** rng.uniform(-3, 3, count)).astype(kind))
            add(bits(kind, count))
            add(bits(kind, 2), precision=17)
        add((2.0 ** np.arange(-24, 15)).astype(kind), precision=17)
        add((2.0 ** np.arange(-8, 8)).astype(kind), precision=17)
        add(rng.normal(size=(3, 4)).astype(np.dtype(kind).newbyteorder(">")))
    add((2.0 ** np.arange(-120, 120, 7)).astype("f"), precision=17)
    add(2.0 ** np.arange(-1000, 1000, 37), precision=17)


def complex_numbers():
    nan, inf = np.nan, np.inf
    columns = [
        [0], [1 + 2j, 3 - 4.5j], [-0.0 - 0j], [complex(nan, 1)], [complex(1, nan), 2], [complex(inf, -inf), 1e10],
        [complex(nan, nan)], [complex(0, nan)], [complex(0, inf)], [complex(0, -inf)], [1e-10 + 1j], [1 + 1e-10j],
        [1 / 3 + 1e5j, -2 / 3], [1e30 + 1j, 2],
    ]
    for kind in "FD":
        for column in columns:
            add(np.array(column, kind))
            add(np.array(column[0], kind))
        add(rng.normal(size=(2, 3, 2)).astype(kind[0].lower()).view(kind)[..., 0])
        add((rng.normal(size=5) + 1j * rng.normal(size=5)).astype(np.dtype(kind).newbyteorder(">")), precision=3)
        add(bits(kind, 4))


def text():
    add(np.array([b"", b"ab", b"it's", b'say "it\'s"', b"\x00\x01\t\n\r\\\x7f\xff", b'"']))
    add(np.array(b"abc", "S5"))
    add(np.zeros(2, "S0"))
    words = ["", "ab", "it's", 'say "it\'s"', '"', "\x01\t\n\r\\\x7f\x85\xa0\xad", "\xe9\u20ac\U0001f600", "e\u0301", "\u0301",
             "\u200b\u2028\ud800\ue000\U000e0001", "a\0b"]
    add(np.array(words))
    add(np.array(words, ">U20"))
    add(np.array("one"))
    add(np.array(words * 4).reshape(2, 22), width=40)
    add(np.array([b"ab", b"c\0d"], "V3"))
    add(np.array(b"\xff\0", "V2"))
    add(np.zeros(2, "V0"))


def times():
    low, high = np.iinfo("q").min, np.iinfo("q").max
    safe = {"Y": 10**6, "M": 10**7, "W": 10**8, "D": 10**9, "h": 10**11, "m": 10**13}
    for unit in "Y M W D h m s ms us ns ps fs as".split():
        most = safe.get(unit, high // 7)
        for count in "", "7", "25":
            most_here = most if unit in safe else most // int(count or 1)
            values = rng.integers(-most_here, most_here, 5)
            add(np.append(values, low).view(f"M8[{count}{unit}]"))
            add(values.view(f"m8[{count}{unit}]"))
        add(np.array([0, -1, 1], "q").view(f"M8[{unit}]"))
        add(np.array([low], "q").view(f"M8[{unit}]"))
        add(np.array(low, "q").view(f"M8[{unit}]"))
    add(np.array([low, high, low + 1]).view("m8[s]"))
    add(np.array([low, 12, -12345]).view("m8"))
    add(np.array([low, low]).view("M8"))
    add(np.arange("1899-12-25", "1900-03-10", 5, "M8[D]"))
    add(np.array(["2000-02-29", "1900-02-28", "2100-03-01", "0000-01-01", "-0001-12-31", "-12345-06-07", "99999-12-31"], "M8[D]"))
    add(np.array(["1582-10-15T12:34:56", "NaT", "2024-02-29T23:59:59"], ">M8[s]"))
    add(np.array([5, low], ">m8[ms]"))


def records():
    point = np.dtype([("x", "<f4"), ("y", "<i2")])
    add(np.array([(1.5, 2), (-10.25, 30000)], point))
    add(np.array((1.5, 2), point))
    add(np.array([(1,), (22,)], [("only", "<i4")]))
    add(np.array([(True, b"ab", "\xe9", 5)], [("a", "?"), ("b", "S3"), ("c", "<U2"), ("d", ">i8")]))
    add(np.array((True, [[True, False]]), [("a", "?"), ("b", "?", (1, 2))]))
    grid = np.dtype([("a", "u1"), ("m", "<f8", (2, 3)), ("p", point, (2,)), ("t", "<M8[D]"), ("z", "<c8")])
    cells = np.zeros((2, 2), grid)
    cells["m"] = rng.normal(size=(2, 2, 2, 3))
    cells["p"]["x"] = [[[1, 2], [3, 4]], [[5, np.nan], [7, 8]]]
    cells["t"] = "NaT"
    cells["t"][0, 0] = "2020-02-20"
    add(cells)
    add(cells[0, 0])
    nested = np.dtype([("outer", [("inner", point), ("v", "V2")]), ("last", "<u4")])
    add(np.zeros(3, nested))
    add(np.ones(2, [("long", "<i2", (1100,)), ("wide", "u1", (3, 400))]))
    add(np.ones(1, [("long", "<i2", (9,)), ("short", "<i2", (2, 7))]), threshold=8, edge=2)
    add(np.zeros(2, [("none", "<i4", (0,)), ("flat", "<f4", (2, 0))]))
    add(np.zeros(1200, point), edge=2)


def layouts():
    a = np.arange(120, dtype="<i4")
    add(a)
    add(a[::-1], a)
    add(a[5:50:9], a)
    b = a.reshape(2, 3, 4, 5)
    add(b)
    add(b.T, b)
    add(b[:, ::-1, 1:, ::2], b)
    add(b[1, 2], b)
    add(b.transpose(2, 0, 3, 1)[::-2], b)
    add(b.reshape(1, 2, 1, 3, 2, 2, 5))
    add(b.reshape(5, 1, 24, 1))
    add(np.broadcast_to(a[:3], (4, 3)), a)
    add(np.broadcast_to(a[7:8], (2, 2, 2)), a)
    c = np.array([0.5, 1.25, 2.0])
    add(np.broadcast_to(c[:, None], (3, 30)), c)
    add(np.diagonal(b, axis1=1, axis2=2), b)
    for shape in [(0,), (0, 3), (3, 0), (2, 0, 4), (0, 0)]:
        for kind in "<f8", "<U3", "|b1", "<M8[s]":
            add(np.zeros(shape, kind))
    add(np.zeros((1,) * 32, "<i2"))
    add(np.zeros((2,) * 8, "u1"))
    for width in 1, 2, 5, 10, 17, 18, 19, 30, 74, 75, 76, 200:
        add(a[:30], width=width)
        add((a[:24] / 7).reshape(2, 3, 4), width=width)
        add(np.array(["ab", "a much longer word than that", "", "c" * 80]), width=width)


def summaries():
    a = np.arange(2500, dtype="<i4")
    add(a[:1000], threshold=999)
    add(a[:1000], threshold=1000)
    add(a[:1001])
    add(a)
    add(a[:1100] / 7)
    b = a[:1200].reshape(6, 10, 20)
    add(b)
    add(b.T, b)
    add(a[:2400].reshape(2, 1200), width=30)
    add(a[:2400].reshape(1200, 2))
    add(a[:2400].reshape(2, 3, 4, 100), edge=1)
    add(a[:2401].reshape(7, 7, 7, 7))
    add(a[:2401].reshape(7, 7, 49), edge=4)
    for threshold in 1, 5, 20:
        for edge in 1, 2, 3, 10, 10**12:
            for width in 12, 25, 75:
                add(a[:36].reshape(6, 6), threshold=threshold, edge=edge, width=width)
                add(a[:9].astype(float), threshold=threshold, edge=edge, width=width)
    c = np.zeros((1100, 3))
    c[500] = 1e9  # not shown, so it decides nothing
    c[1099] = 123.25
    add(c[:, 0].copy())
    d = np.array([2.5], "<f4")
    add(np.broadcast_to(d, (1000, 1000, 1000)), d)
    add(np.broadcast_to(a[:4], (2**40, 4)), a[:4])


for chapter in integers, floats, complex_numbers, text, times, records, layouts, summaries:
    chapter()
unique = list(dict.fromkeys(lines))
pathlib.Path(__file__).with_name("numpy_print.txt").write_text("\n".join(unique) + "\n", encoding="utf-8")
