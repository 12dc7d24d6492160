"""Element types, against NumPy's."""

from __future__ import annotations

import copy
import itertools
import pickle

import ml_dtypes
import ndferry
import numpy as np
import pytest
from samples import ALL_NAMES, ML_NAMES, NARROW_BITS, NUMPY_NAMES, numpy_dtype

NUMPY_TYPES = [
    *NUMPY_NAMES, ">i2", ">i4", ">u8", ">f2", ">f4", ">f8", ">c8", ">c16",
    "S1", "S5", "U1", "U5", ">U5", "V1", "V8",
    "M8[s]", "M8[ns]", "M8[D]", "M8", ">M8[s]", "m8[s]", "m8[ns]", "m8[25s]", "m8", ">m8[ms]",
]  # fmt: skip
STRUCTURED = [
    [("x", "<f4"), ("y", "<i8")],
    [("x", ">f4"), ("name", "S3"), ("inner", [("a", "?"), ("b", "<c16")])],
    [("a", "<i4", (2, 3)), ("b", "<U2")],
    np.dtype({"names": ["a", "b"], "formats": ["<i2", "<f8"], "offsets": [2, 8], "itemsize": 24}),
    np.dtype([("a", "i1"), ("b", "f8")], align=True),
    np.dtype([("s", np.dtype("b,i", align=True)), ("b", "i1")]),
    np.dtype([("a", "i1"), ("s", np.dtype("b,i", align=True), (2, 3))], align=True),
    np.dtype([("s", [("inner", np.dtype("b,d", align=True))]), (("title", "b"), "i1")]),
    np.dtype({"names": ["low", "whole"], "formats": ["<u2", "<u4"], "offsets": [0, 0]}),
]


@pytest.mark.parametrize("name", NUMPY_TYPES)
def test_numpy_dtypes_come_and_go_unchanged(name):
    theirs = np.dtype(name)
    ours = ndferry.dtype(theirs)
    assert ours.numpy() == theirs
    assert ours.itemsize == theirs.itemsize and ours.kind == theirs.kind
    assert ours.char == theirs.char and ours.type is theirs.type
    assert ours.typestr == theirs.str and ours.descr == theirs.descr
    assert ours == theirs and ours == name
    assert ours.is_swapped == (not theirs.isnative)


@pytest.mark.parametrize("name", ["bool", "int64", "uint8", "float32", "complex128", "float16"])
def test_formats_are_those_of_numpys_memoryviews(name):
    assert ndferry.dtype(name).format == memoryview(np.zeros(1, name)).format
    assert ndferry.dtype(memoryview(np.zeros(1, name)).format) == name


@pytest.mark.parametrize("name", ML_NAMES)
def test_ml_dtypes_come_and_go_unchanged(name):
    theirs = numpy_dtype(name)
    ours = ndferry.dtype(theirs)
    assert ours.numpy() == theirs
    assert ours.name == (f"{name}[padded]" if name in NARROW_BITS else name)
    assert ours is ndferry.dtype(getattr(ml_dtypes, name))


@pytest.mark.parametrize("fields", STRUCTURED, ids=str)
def test_structured_dtypes_come_and_go_unchanged(fields):
    theirs = np.dtype(fields)
    ours = ndferry.dtype(theirs)
    assert ours.is_structured and ours.kind == "V"
    assert ours.itemsize == theirs.itemsize
    back = ours.numpy()
    assert back.fields == theirs.fields and back.itemsize == theirs.itemsize
    assert ndferry.dtype(ours.name) is ours


@pytest.mark.parametrize("name", ALL_NAMES)
def test_a_type_has_one_object_however_it_is_named(name):
    one = ndferry.dtype(name)
    assert one is getattr(ndferry, name) is ndferry.dtype(one) is ndferry.DType(name)
    assert pickle.loads(pickle.dumps(one)) is one is copy.deepcopy(one)
    assert hash(one) == hash(ndferry.dtype(one.name))
    assert str(one) == name and repr(one) == f"ndferry.dtype({name!r})"
    assert one.is_convertible


def test_python_types_are_their_eight_byte_kin():
    assert [ndferry.dtype(one).name for one in (bool, int, float, complex)] == [
        "bool",
        "int64",
        "float64",
        "complex128",
    ]


def test_equality_with_what_is_no_type_is_false():
    for other in ("no such type", 7, None, object(), "O", [("x", "nonsense")], np.dtype("O"), "g"):
        assert ndferry.float32 != other
        assert not ndferry.float32 == other


@pytest.mark.parametrize("bad", [None, 7, object(), int.__add__, np.dtype(("f4", (2,))), dict, ()])
def test_what_is_no_type_is_a_type_error(bad):
    with pytest.raises(TypeError):
        ndferry.dtype(bad)


@pytest.mark.parametrize("bad", ["", "float33", "O", "object", "g", ">>f4", "f4f4", "\0", "é", "[('x',)]", "["])
def test_words_for_no_type_are_refused(bad):
    with pytest.raises(ndferry.NdferryError):
        ndferry.dtype(bad)


def test_torch_dtypes_are_read_by_name():
    torch_like = type("dtype", (), {"__module__": "torch", "__repr__": lambda self: "torch.bfloat16"})
    assert ndferry.dtype(torch_like()) is ndferry.bfloat16


@pytest.mark.parametrize("casting", ["no", "equiv", "safe", "same_kind", "unsafe"])
def test_the_casting_lattice_is_numpys(casting):
    wrong = [
        (a, b)
        for a, b in itertools.product(NUMPY_TYPES, repeat=2)
        if ndferry.can_cast(np.dtype(a), np.dtype(b), casting) != np.can_cast(np.dtype(a), np.dtype(b), casting)
    ]
    assert not wrong


def test_promotion_is_numpys():
    wrong = []
    for a, b in itertools.product(NUMPY_TYPES, repeat=2):
        try:
            wanted = np.promote_types(a, b)
        except TypeError:
            wanted = None
        try:
            got = ndferry.promote_types(np.dtype(a), np.dtype(b)).numpy()
        except ndferry.DTypeError:
            got = None
        if got != wanted:
            wrong.append((a, b, got, wanted))
    assert not wrong


def test_unknown_words_for_rules_are_named():
    with pytest.raises(ValueError, match='`casting`.*"same_kind"'):
        ndferry.can_cast("f4", "f8", "sometimes")


@pytest.mark.parametrize("bad", ["float32\0", "\0float32", "<f4\0<f4"])
def test_text_is_not_cut_at_a_nul(bad):
    with pytest.raises(ndferry.DTypeError, match="NUL"):
        ndferry.dtype(bad)


def test_types_that_numpy_lacks_have_none_of_its_letters_and_classes():
    assert not hasattr(ndferry.int4, "char") and not hasattr(ndferry.int4, "type")


def test_types_that_numpy_lacks_say_what_to_convert_to():
    with pytest.raises(TypeError, match=r"share bytes: convert to int4\[padded\]"):
        ndferry.int4.numpy()
    assert ndferry.asarray([1, -2], "int4").convert("int4[padded]").numpy().tolist() == [1, -2]


def test_a_device_is_never_cut_off_to_another():
    for far in (2**31, -(2**31) - 1, 2**32, 2**32 + 1, 10**5000):
        for device in ((1, far), (far, 0), ndferry.Device(1, far)):
            with pytest.raises(ValueError, match="32 bits"):
                ndferry.device(device)
            with pytest.raises(ValueError, match="32 bits"):
                ndferry.zeros(3, device=device)
    with pytest.raises(ValueError, match="32 bits"):
        ndferry.device("cuda:4294967297")
    with pytest.raises(ValueError, match="32 bits"):
        ndferry.zeros(3).__dlpack__(dl_device=(2**32 + 1, 0))


def test_devices_print_as_they_are_made():
    for device in (ndferry.device("cpu"), ndferry.device("cuda:1"), ndferry.Device(99, 7)):
        assert eval(repr(device)) == device
    assert repr(ndferry.device("cpu")) == "ndferry.device('cpu')"


@pytest.mark.skipif(not hasattr(np, "isdtype"), reason="NumPy 1 has no isdtype")
def test_numpys_isdtype_is_asked_with_numpys_dtype():
    """As docs/numpy.md says: it looks for its own classes in a set, where ours is not found."""
    assert np.isdtype(ndferry.float32.numpy(), "real floating") and np.isdtype(ndferry.int8.numpy(), np.int8)
    assert not np.isdtype(ndferry.float32.numpy(), "integral")
    assert not np.isdtype(ndferry.float32, "real floating")


class Schema:
    """Something with one of Arrow's types."""

    def __init__(self, tensor):
        self.__arrow_c_schema__ = lambda: tensor.__arrow_c_array__()[0]


@pytest.mark.parametrize("name", ["int8", "uint64", "float16", "float64", "M8[ns]", "M8[s]", "m8[us]", "V5"])
def test_whatever_has_an_arrow_schema_names_a_type(name):
    assert ndferry.dtype(Schema(ndferry.zeros(3, name))) is ndferry.dtype(name)
    assert ndferry.zeros(2, Schema(ndferry.zeros(3, name))).dtype == name


def test_a_schema_that_is_none_is_refused():
    wrong = Schema(None)
    wrong.__arrow_c_schema__ = lambda: 3
    with pytest.raises(TypeError, match="`__arrow_c_schema__` gave int"):
        ndferry.dtype(wrong)
    assert ndferry.int8 != wrong
