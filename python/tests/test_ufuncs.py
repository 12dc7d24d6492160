"""NumPy's universal functions and Python's operators on tensors, against NumPy's own answers on the same arrays."""

from __future__ import annotations

import copy
import gc
import operator
import subprocess
import sys

import ml_dtypes
import ndferry
import numpy as np
import pytest
from samples import FAILED_REDUCTIONS_LEAK, ML_NAMES, NUMPY_2, numpy_dtype, same_answer

UFUNCS = sorted({one for one in vars(np).values() if isinstance(one, np.ufunc)}, key=lambda one: one.__name__)
BINARY = [one for one in UFUNCS if one.nin == 2 and one.nout == 1 and one.signature is None]
NOT_HELD = set("gGO")  # long doubles and Python objects, which no tensor holds


def sample(char: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Numbers of a type: of both signs, zeros, and for floats infinite and not a number."""
    rng = np.random.default_rng(seed)
    if char in "mM":
        return rng.integers(-99, 99, shape).astype(f"{char}8[D]")
    numbers = rng.integers(-3, 9, shape)
    if char in "efdFD":
        numbers = numbers * 0.37
        numbers.flat[:2] = [np.inf, np.nan]
    return numbers.astype(char)


def operands(ufunc: np.ufunc, types: str) -> list[np.ndarray]:
    chars = types.split("->")[0]
    shape = (3, 3) if ufunc.signature else (4, 3)
    return [sample(char, shape, seed) for seed, char in enumerate(chars)]


def outcome(call, *arguments):
    """What a call gives, or the class and message of what it raises."""
    with np.errstate(all="ignore"):
        try:
            return call(*arguments)
        except Exception as error:
            return type(error), str(error)


def is_error(result):
    return isinstance(result, tuple) and isinstance(result[0], type)


def same_outcome(got, wanted):
    if is_error(wanted):
        assert got == wanted
    else:
        same_answer(got, wanted)


SIGNATURES = [(one, types) for one in UFUNCS for types in one.types if not set(types.split("->")[0]) & NOT_HELD]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("ufunc", "types"), SIGNATURES, ids=lambda one: getattr(one, "__name__", one))
def test_a_ufunc_answers_as_on_arrays(ufunc, types):
    arrays = operands(ufunc, types)
    tensors = [ndferry.asarray(one) for one in arrays]
    wanted = outcome(ufunc, *arrays)
    same_outcome(outcome(ufunc, *tensors), wanted)
    # The same into memory that the caller gives.
    if ufunc.nout == 1 and isinstance(wanted, np.ndarray):
        out = ndferry.zeros(wanted.shape, wanted.dtype)
        assert ufunc(*tensors, out=out) is out
        same_answer(out, wanted)
    if len(arrays) == 2:
        same_outcome(outcome(ufunc, tensors[0], arrays[1]), wanted)
        same_outcome(outcome(ufunc, arrays[0], tensors[1]), wanted)


def test_every_ufunc_is_tried():
    assert {ufunc for ufunc, _ in SIGNATURES} == set(UFUNCS)
    assert len(UFUNCS) >= 86


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ufunc", BINARY, ids=lambda one: one.__name__)
@pytest.mark.parametrize("char", "?bLfdDm")
def test_methods_of_ufuncs_answer_as_on_arrays(ufunc, char):
    a, b = sample(char, (4, 3), 1), sample(char, (3,), 2)
    t, u = ndferry.asarray(a), ndferry.asarray(b)
    for call in (
        lambda x, y: ufunc.reduce(x), lambda x, y: ufunc.reduce(x, axis=None),
        lambda x, y: ufunc.reduce(x, axis=1, keepdims=True), lambda x, y: ufunc.reduce(x, where=x == x, initial=x[0, 0]),
        lambda x, y: ufunc.accumulate(x, axis=1), lambda x, y: ufunc.reduceat(x, [0, 2, 1]), lambda x, y: ufunc.outer(y, x),
    ):  # fmt: skip
        wanted = outcome(call, a, b)
        if not (is_error(wanted) and FAILED_REDUCTIONS_LEAK):
            same_outcome(outcome(call, t, u), wanted)
    indices = np.array([0, 2, 0])
    c, v = a[:, 0].copy(), ndferry.asarray(a[:, 0].copy())
    same_outcome(outcome(ufunc.at, v, ndferry.asarray(indices), u), outcome(ufunc.at, c, indices, b))
    np.testing.assert_array_equal(v.numpy(), c)


def test_a_scalar_result_is_a_tensor_without_axes():
    t = ndferry.asarray([1.0, 2.0, 3.0])
    total = np.add.reduce(t)
    assert type(total) is ndferry.Tensor and total.shape == () and total.item() == 6 and float(total) == 6
    assert np.exp(ndferry.asarray(0.0)).shape == () and [10, 20, 30][np.argmax(t)] == 30


def test_out_is_written_in_place_and_returned():
    t, out = ndferry.asarray([[1.5, -2.5], [3.0, 4.0]]), ndferry.zeros((2, 2))
    view = out[::-1, :]
    assert np.negative(t, out=view) is view and out.tolist() == [[-3, -4], [-1.5, 2.5]]
    assert np.add(t, 1, out) is out and out[0].tolist() == [2.5, -1.5]
    assert np.add(t, t, out=(t,)) is t and t.tolist() == [[3, -5], [6, 8]]
    array = np.zeros((2, 2))
    assert np.add(t, 1, out=array) is array and array[0].tolist() == [4, -4]
    assert np.add(np.ones((2, 2)), 1, out=out) is out and out.tolist() == [[2, 2], [2, 2]]
    assert np.sum(t, axis=0, out=out[0]).tolist() == [9, 3] == out[0].tolist()
    whole = ndferry.zeros((2, 2))
    fraction, given = np.modf(t / 2, out=(None, whole))
    assert given is whole and whole.tolist() == [[1, -2], [3, 4]] and fraction.tolist() == [[0.5, -0.5], [0, 0]]


def test_out_may_share_memory_with_the_inputs():
    array = np.arange(10.0)
    t = ndferry.asarray(array.copy())
    np.add(t[:-1], t[1:], out=t[1:])
    np.add(array[:-1], array[1:], out=array[1:])
    np.testing.assert_array_equal(t.numpy(), array)


def test_read_only_tensors_are_not_written():
    t = ndferry.asarray([1.0, 2.0]).as_read_only()
    for call in (lambda: np.add(t, 1, out=t), lambda: operator.iadd(t, 1), lambda: np.add.at(t, 0, 1)):
        with pytest.raises(ValueError, match="read-only"):
            call()
    assert (t + 1).tolist() == [2, 3] and not (t + 1).read_only


def test_where_picks_elements():
    t, mask = ndferry.asarray([1.0, 2.0, 3.0]), ndferry.asarray([True, False, True])
    out = ndferry.full(3, 9.0)
    assert np.sqrt(t * t, where=mask, out=out) is out and out.tolist() == [1, 9, 3]
    assert np.add.reduce(t, where=mask).item() == 4
    assert np.add(np.ones(3), 1, where=mask, out=np.zeros(3)).tolist() == [2, 0, 2]


def test_keywords_pass_through():
    t = ndferry.asarray([[1, 2], [3, 4]])
    assert np.add(t, t, dtype="f4").dtype == "float32" and np.add(t, 1, dtype=ndferry.int8).dtype == "int8"
    assert np.add.reduce(t, axis=1, keepdims=True, initial=10).tolist() == [[13], [17]]
    assert np.add(t, t, order="F").is_contiguous("F")
    with pytest.raises(TypeError, match="same_kind"):
        np.add(t, 1.5, out=t)
    assert np.add(t, 1.5, out=t, casting="unsafe").tolist() == [[2, 3], [4, 5]]
    assert np.matmul(t, t, axes=[(0, 1), (0, 1), (1, 0)]).tolist() == (t.numpy() @ t.numpy()).T.tolist()
    assert np.add(t, t, signature="dd->d").dtype == "float64"


def test_operands_of_all_kinds():
    t = ndferry.asarray([1, 2], "int8")
    for other in (1, True, 2.5, 1j, [3, 4], (3, 4), np.int16(3), np.array([1.5, 2]), np.float32(1)):
        same_answer(np.add(t, other), np.add(t.numpy(), other))
        same_answer(t + other, t.numpy() + other)
        same_answer(other + t, other + t.numpy())
    assert np.add([t, t], 1).tolist() == [[2, 3], [2, 3]]
    if NUMPY_2:  # before, the value decided the type
        with pytest.raises(OverflowError):
            t + 1000
    with pytest.raises(ValueError, match="broadcast"):
        t + [1, 2, 3]


ARITHMETIC = "add sub mul matmul truediv floordiv mod pow lshift rshift and_ or_ xor".split()
COMPARISONS = "lt le eq ne gt ge".split()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*ARITHMETIC, *COMPARISONS, "divmod"])
def test_binary_operators_are_numpys(name):
    function = getattr(operator, name, divmod)
    square, mask = np.arange(1, 10).reshape(3, 3), np.eye(3, dtype=bool)
    values = [square, square / 3, mask, square.astype("u1")]
    for a in values:
        for b in (*values, 2, -1, 0.5, True, [1, 2, 3]):
            wanted = outcome(function, a, b)
            other = ndferry.asarray(b) if isinstance(b, np.ndarray) else b
            t = ndferry.asarray(a)
            same_outcome(outcome(function, t, other), wanted)
            same_outcome(outcome(function, t, b), wanted)
            if isinstance(b, (int, float, list)):
                same_outcome(outcome(function, b, t), outcome(function, b, a))
            else:
                same_outcome(outcome(function, a, other), wanted)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ARITHMETIC)
def test_operators_in_place_write_the_tensors_memory(name):
    function = getattr(operator, f"i{name.strip('_')}")
    square = np.arange(1, 10).reshape(3, 3)
    for first in (square, square / 3, square > 4):
        for second in (square, square / 3, square > 4, 2, 0.5, [1, 2, 3]):
            array, copied = first.copy(), first.copy()
            tensor = ndferry.asarray(copied)
            other = ndferry.asarray(second) if isinstance(second, np.ndarray) else second
            wanted, got = outcome(function, array, second), outcome(function, tensor, other)
            np.testing.assert_array_equal(copied, array)
            if wanted is array:
                assert got is tensor
            else:
                same_outcome(got, wanted)


def test_operators_in_place_reach_through_indices():
    t = ndferry.zeros((2, 3))
    t[0] += 1
    t[:, 1] -= ndferry.asarray([5.0, 7.0])
    assert t.tolist() == [[1, -4, 1], [0, -7, 0]]


def test_unary_operators_are_numpys():
    for array in (np.array([-3, 0, 4]), np.array([-1.5, np.nan]), np.array([True, False]), np.array([3 + 4j])):
        for function in (operator.neg, operator.pos, operator.abs, operator.invert):
            same_outcome(outcome(function, ndferry.asarray(array)), outcome(function, array))


def test_arrays_leave_their_operators_to_tensors():
    t, array = ndferry.asarray([1.0, 2.0]), np.array([10.0, 20.0])
    for made in (array + t, t + array, array @ np.eye(2) + t, array == t):
        assert type(made) is ndferry.Tensor
    array += t
    assert type(array) is np.ndarray and array.tolist() == [11, 22]
    assert type(np.float64(3) * t) is ndferry.Tensor


def test_comparison_is_by_element_and_tensors_have_no_hash():
    t = ndferry.asarray([1, 2, 3])
    assert (t == t).tolist() == [True] * 3 and (t != [1, 0, 3]).tolist() == [False, True, False]
    assert (t == "text").tolist() == (t.numpy() == "text").tolist() and (t == None).tolist() == [False] * 3  # noqa: E711
    with pytest.raises(TypeError, match="unhashable"):
        hash(t)
    with pytest.raises(ValueError, match="numpy.any"):
        bool(t == t)
    assert bool(np.all(t == t)) and bool(ndferry.asarray([[1]]) == 1)
    points = np.array([(1, 2.0), (3, 4.0)], [("x", "i4"), ("y", "f8")])
    same_answer(ndferry.asarray(points) == points, points == points)


@pytest.mark.parametrize("name", ML_NAMES)
def test_types_of_ml_dtypes_keep_their_type(name):
    array = np.array([0, 1, 1, 0]).astype(numpy_dtype(name))
    t = ndferry.asarray(array)
    for function in (np.add, np.equal, np.maximum):
        same_outcome(outcome(function, t, t), outcome(function, array, array))
    same_outcome(outcome(np.add.reduce, t), outcome(np.add.reduce, array))
    if name == "bfloat16":
        assert (np.exp(t) * t).dtype is ndferry.bfloat16 and np.exp(t)[1].item() == float(ml_dtypes.bfloat16(np.e))


def test_text_dates_and_foreign_byte_order():
    words, swapped = np.array(["a", "bc"]), np.arange(3, dtype=">i4")
    dates = np.array(["2024-02-28", "1999-12-31"], "M8[D]")
    if NUMPY_2:
        same_answer(np.strings.add(ndferry.asarray(words), "!"), np.strings.add(words, "!"))
    same_answer(ndferry.asarray(words) == "a", words == "a")
    same_answer(ndferry.asarray(dates) + np.timedelta64(1, "D"), dates + np.timedelta64(1, "D"))
    same_answer(ndferry.asarray(dates) - dates[0], dates - dates[0])
    same_answer(ndferry.asarray(swapped) * 2, swapped * 2)


def test_what_a_tensor_cannot_hold_stays_numpys():
    t = ndferry.asarray([1.0, 2.0])
    for stays in (np.add(t, np.array([1, 2], object)), np.add(t, 1, dtype=np.longdouble), np.frompyfunc(str, 1, 1)(t)):
        assert type(stays) is np.ndarray
    assert type(t + np.ma.array([1.0, 2.0], mask=[0, 1])) is np.ma.MaskedArray
    assert type(np.ma.array([1.0, 2.0], mask=[0, 1]) * t) is np.ma.MaskedArray
    with pytest.raises(TypeError, match="cuda:0"):
        ndferry.wrap(4096, 4, "float32", device="cuda:0") + 1
    with pytest.raises(TypeError, match="int4"):
        np.add(ndferry.zeros(4, "int4"), 1)


class Foreign:
    """Answers for ufuncs itself."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return "foreign", ufunc.__name__, method, [type(one) for one in inputs]


class Silent:
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return NotImplemented


class Shows:
    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return kwargs["out"]


class OptsOut:
    __array_ufunc__ = None

    def __radd__(self, other):
        return "radd", type(other)

    def __eq__(self, other):
        return "eq", type(other)


def test_unknown_types_have_their_turn():
    t = ndferry.asarray([1.0, 2.0])
    kinds = [ndferry.Tensor, Foreign]
    assert np.add(t, Foreign()) == t + Foreign() == ("foreign", "add", "__call__", kinds)
    assert np.add(Foreign(), t) == Foreign() + t == ("foreign", "add", "__call__", kinds[::-1])
    assert np.add(t, 1, out=(Foreign(),))[0] == "foreign" and np.add.reduce(t, where=Foreign())[0] == "foreign"
    assert operator.iadd(t, Shows())[0] is t and (t == Foreign())[1] == "equal"
    with pytest.raises(TypeError, match="all returned NotImplemented"):
        t + Silent()
    assert t + OptsOut() == ("radd", ndferry.Tensor) and (t == OptsOut()) == ("eq", ndferry.Tensor)
    with pytest.raises(TypeError, match="does not support ufuncs"):
        np.add(t, OptsOut())
    with pytest.raises(TypeError):
        t - OptsOut()


class Metres(np.ndarray):
    """A subclass of NumPy's array that works with arrays only, as astropy's quantities do."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(isinstance(one, ndferry.Tensor) for one in inputs):
            return NotImplemented
        return getattr(ufunc, method)(*(np.asarray(one) for one in inputs), **kwargs).view(Metres)


def test_subclasses_of_arrays_have_their_turn_with_views():
    t, metres = ndferry.asarray([1.0, 2.0]), np.array([3.0, 4.0]).view(Metres)
    for made in (t + metres, metres + t, np.add(t, metres), np.add(metres, t)):
        assert type(made) is Metres and made.tolist() == [4, 6]


def test_subclasses_of_tensor_come_first():
    class Loud(ndferry.Tensor):
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return "loud", super().__array_ufunc__(ufunc, method, *inputs, **kwargs)

    plain = ndferry.asarray([1.0, 2.0])
    loud = Loud._adopt(ndferry._library.lib.ndf_tensor_retain(plain.handle))
    said, result = np.add(plain, loud)
    assert said == "loud" and result.tolist() == [2, 4]


def test_array_wrap_makes_tensors():
    t = ndferry.zeros(2)
    wrapped = t.__array_wrap__(np.ones(2), None, False)
    assert type(wrapped) is ndferry.Tensor and wrapped.tolist() == [1, 1]
    assert t.__array_wrap__(np.array(7.0), None, True).shape == ()


def test_results_keep_their_memory_alive_and_let_it_go():
    before = ndferry.statistics()
    t = ndferry.full(1000, 2.0)
    result = np.multiply(t, 3)
    half = np.split(t, 2)[1]
    del t
    gc.collect()
    assert result.tolist() == [6.0] * 1000 and half.tolist() == [2.0] * 500
    for _ in range(200):
        result += 1
        half = np.add(half, half, out=half)
    assert result[0].item() == 206
    del result, half
    assert ndferry.statistics() == before


def test_an_exception_keeps_nothing_alive():
    before = ndferry.statistics()
    for _ in range(10):
        with pytest.raises(ValueError):
            ndferry.zeros(3) + ndferry.zeros(4)
    gc.collect()
    assert ndferry.statistics() == before


def test_without_numpy_an_operator_says_so():
    done = subprocess.run(
        [sys.executable, "-c",
         "import sys; sys.modules['numpy'] = None; import ndferry\n"
         "t = ndferry.zeros(2)\n"
         "for call in (lambda: t + 1, lambda: -t, lambda: t == t, lambda: 1 - t):\n"
         "    try: call()\n"
         "    except TypeError as error: print(error)\n"
         "try: t += 1\n"
         "except TypeError as error: print(error)\n"
         "print(hasattr(ndferry, 'ndarray'))"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 6 and all("NumPy" in one for one in lines[:5]) and lines[5] == "False", done


def test_copies_are_equal():
    t = ndferry.asarray([1, 2])
    assert copy.deepcopy(t).equal(t) and np.all(copy.copy(t) == t)
