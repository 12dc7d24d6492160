"""Conversion, against NumPy's and ml_dtypes' `astype`."""

from __future__ import annotations

import threading

import ndferry
import numpy as np
import pytest
from samples import (
    ALL_NAMES,
    MISSING,
    NUMPY_NAMES,
    fits,
    is_float,
    limits,
    numpy_dtype,
    random_layout,
    same_bytes,
    values_of,
)

@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", ALL_NAMES)
@pytest.mark.parametrize("source", ALL_NAMES)
def test_every_conversion_gives_the_bits_of_astype(source, target, rng):
    values = values_of(source, rng)
    if (is_float(source) or "complex" in source) and "int" in target:
        # A float that fits no integer: undefined in C, and different from one NumPy to the next.
        values = values[fits(values, target)]
    try:
        with np.errstate(all="ignore"):
            wanted = values.astype(numpy_dtype(target))
    except TypeError:
        assert (source, target) in MISSING
        return
    got = ndferry.asarray(values).convert(numpy_dtype(target)).numpy()
    wrong = ~same_bytes(got, wanted)
    assert not wrong.any(), list(zip(values[wrong], got[wrong], wanted[wrong]))[:5]


@pytest.mark.parametrize("target", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("source", ["float16", "bfloat16", "float32", "float64", "float8_e5m2"])
def test_saturation_clamps_and_makes_nan_zero(source, target, rng):
    values = values_of(source, rng)
    low, high = limits(target)
    exact = [float(one) for one in values]
    wanted = [0 if x != x else low if x < low else high if x > high else int(x) for x in exact]
    got = ndferry.asarray(values).convert(target, overflow="saturate").tolist()
    assert got == wanted


def test_saturation_of_integers_clamps():
    values = np.array([-(2**40), -129, -128, 0, 127, 128, 2**40])
    assert ndferry.asarray(values).convert("int8", overflow="saturate").tolist() == [-128, -128, -128, 0, 127, 127, 127]
    assert ndferry.asarray(values).convert("uint8", overflow="saturate").tolist() == [0, 0, 0, 0, 127, 128, 255]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("order", ["C", "F", "K"])
def test_layouts_and_byte_orders_do_not_change_values(order, rng):
    for _ in range(100):
        source, target = rng.choice(NUMPY_NAMES, size=2)
        array = random_layout(rng, source)
        if rng.integers(2) and array.dtype.itemsize > 1:
            array = array.astype(array.dtype.newbyteorder(">"), order="K")
        wanted_dtype = np.dtype(target).newbyteorder(rng.choice(["<", ">"]))
        got = ndferry.asarray(array).convert(wanted_dtype, order=order).numpy()
        assert got.dtype == wanted_dtype
        wanted = array.astype(wanted_dtype, order=order)
        np.testing.assert_array_equal(got, wanted)
        if order != "K":
            assert got.flags[f"{order}_CONTIGUOUS"]


def scaled(values, scale, bias, target):
    """The definition in the C header, step by step."""
    narrow = numpy_dtype(target).itemsize <= 4 and values.dtype.name in (
        "bool int8 uint8 int16 uint16 float16 bfloat16 float32".split()
    )
    step = np.float32 if narrow and is_float(target) else np.float64
    with np.errstate(all="ignore"):
        return (values.astype(step) * step(scale) + step(bias)).astype(numpy_dtype(target))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("target", ["float16", "bfloat16", "float32", "float64", "float8_e4m3fn"])
@pytest.mark.parametrize(
    "source", ["uint8", "int16", "int32", "uint64", "float16", "bfloat16", "float32", "float64", "bool"]
)
def test_scale_and_bias_are_each_rounded_and_the_result_once(source, target, rng):
    values = values_of(source, rng)
    scale, bias = 1 / (255 * 0.229), -0.485 / 0.229
    got = ndferry.asarray(values).convert(target, scale=scale, bias=bias).numpy()
    wanted = scaled(values, scale, bias, target)
    wrong = ~same_bytes(got, wanted) & ~np.isnan(got.astype("f4"))
    assert not wrong.any(), list(zip(values[wrong], got[wrong], wanted[wrong]))[:5]
    np.testing.assert_array_equal(np.isnan(got.astype("f4")), np.isnan(wanted.astype("f4")))


def test_scale_and_bias_vary_along_any_axis(rng):
    array = rng.integers(0, 256, (4, 3, 5), dtype="u1")
    tensor = ndferry.asarray(array)
    for axis, extent in enumerate(array.shape):
        scale, bias = rng.standard_normal(extent), rng.standard_normal(extent)
        shape = [-1 if i == axis else 1 for i in range(3)]
        factors, summands = (one.astype("f4").reshape(shape) for one in (scale, bias))
        wanted = array.astype("f4") * factors + summands
        for named in (axis, axis - 3):
            np.testing.assert_array_equal(tensor.convert("f4", scale=scale, bias=bias, axis=named).numpy(), wanted)
        flipped = tensor.flip().permute(2, 0, 1)
        moved = (1, 2, 0)[axis]
        got = flipped.convert("f4", scale=list(scale), bias=bias[0], axis=moved).numpy()
        turned = array[::-1, ::-1, ::-1].astype("f4") * factors + np.float32(bias[0])
        np.testing.assert_array_equal(got, turned.transpose(2, 0, 1))


def by_formula(array, target, scale, bias, axis, saturate):
    """What docs/conversion.md says: multiplied, then added, each rounded, then cut and clamped."""
    shape = [-1 if i == axis else 1 for i in range(array.ndim)]
    narrow = target == "float32" and array.dtype.name in ("uint8", "int16", "float32")
    step = np.float32 if narrow else np.float64
    factors, summands = (np.asarray(one, step).reshape(shape if np.ndim(one) else ()) for one in (scale, bias))
    with np.errstate(all="ignore"):
        numbers = array.astype(step) * factors + summands
    assert numbers.dtype == step
    if not saturate:
        return numbers.astype(target)
    low, high = limits(target)
    cut = np.where(np.isnan(numbers), 0, np.trunc(np.clip(numbers, low, high)))
    return cut.astype(target)


@pytest.mark.parametrize("axis", [0, 1, 2, None])
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("uint8", "float32"), ("uint8", "float64"), ("int16", "float32"), ("int32", "float32"), ("float32", "float32"),
        ("float32", "uint8"), ("float32", "int8"), ("float64", "int16"), ("uint8", "int8"),
    ],
)  # fmt: skip
def test_channels_are_scaled_by_the_formula(source, target, axis, rng):
    """Per channel, the first axis or the last, in images as they lie and turned; at every length of a row's end."""
    shape = (3, 37, 5)
    array = rng.integers(0, 256, shape).astype(source)
    if array.dtype.kind == "f":
        array = (array - 128) * np.exp(rng.uniform(-9, 9, shape)).astype(source)
        array.flat[:4] = np.nan, np.inf, -np.inf, -0.0
    count = () if axis is None else shape[axis]
    scale, bias = rng.standard_normal(count) * 2, rng.standard_normal(count) * 50
    how = {"scale": scale, "bias": bias, "axis": axis or 0, "overflow": "saturate" if "int" in target else "wrap"}
    wanted = by_formula(array, target, scale, bias, axis, "int" in target)
    for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        laid = np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))
        got = ndferry.asarray(laid).convert(target, **how).numpy()
        np.testing.assert_array_equal(got, wanted, strict=True)
    for end in range(5):
        got = ndferry.asarray(array)[:, : 37 - end, ::-1].convert(target, **(how | _of_part(how, axis, 37 - end))).numpy()
        np.testing.assert_array_equal(got, wanted[:, : 37 - end, ::-1], strict=True)


def _of_part(how, axis, columns):
    """The factors of a part of the middle axis, and of a last axis that is turned round."""
    part = {1: slice(columns), 2: slice(None, None, -1)}.get(axis)
    return {} if part is None else {name: how[name][part] for name in ("scale", "bias")}


@pytest.mark.parametrize("target", ["uint8", "int8"])
def test_floats_become_pixels_by_scale_and_bias(target, rng):
    numbers = rng.uniform(-0.2, 1.2, 1001).astype("float32")
    got = ndferry.asarray(numbers).convert(target, scale=255, bias=0.5, overflow="saturate").numpy()
    np.testing.assert_array_equal(got, by_formula(numbers, target, 255.0, 0.5, None, True), strict=True)


def test_a_wrong_number_of_factors_is_refused():
    tensor = ndferry.zeros((2, 3))
    with pytest.raises(ndferry.ShapeError, match="scale"):
        tensor.convert(scale=[1, 2, 3], axis=0)
    with pytest.raises(ndferry.NdferryError):
        tensor.convert(bias=[1, 2], axis=2)


def test_factors_are_numbers_or_arrays_without_axes():
    row = ndferry.asarray(np.arange(3, dtype="float32"))
    for half in (0.5, np.float32(0.5), np.array(0.5), ndferry.asarray(np.array(0.5)), [0.5], np.array([0.5])):
        assert row.convert("float32", scale=half, bias=half).tolist() == [0.5, 1.0, 1.5]


@pytest.mark.parametrize("wrong", ["0.5", "12", b"12", 1j, object(), [[1.0]], np.ones((2, 3)), ["x"], [None]])
def test_factors_that_are_none_are_named(wrong):
    for name in ("scale", "bias"):
        with pytest.raises(TypeError, match=f"(?s)`{name}` is .*, it must be a number, or numbers along one axis"):
            ndferry.zeros((2, 3)).convert("float32", **{name: wrong})


def test_casting_rules_forbid():
    tensor = ndferry.zeros(3, "float64")
    for casting in ("no", "equiv", "safe"):
        with pytest.raises(ndferry.DTypeError, match="casting"):
            tensor.convert("float32", casting=casting)
    assert tensor.convert("float32", casting="same_kind").dtype == "float32"
    with pytest.raises(ValueError, match="`casting`"):
        tensor.convert("float32", casting="sometimes")


def test_nothing_to_do_gives_the_same_memory():
    tensor = ndferry.zeros((2, 3))
    assert tensor.convert("float64").data_ptr == tensor.data_ptr
    assert tensor.cast("float64").data_ptr == tensor.contiguous().data_ptr == tensor.data_ptr
    assert tensor.to_device("cpu").data_ptr == tensor.data_ptr
    assert tensor.convert(copy=True).data_ptr != tensor.data_ptr
    assert tensor.copy().data_ptr != tensor.data_ptr
    assert tensor.T.convert(order="K").data_ptr == tensor.data_ptr


def test_a_copy_that_is_forbidden_is_refused():
    tensor = ndferry.zeros((2, 3))
    for how in ({"dtype_": "float32"}, {"order": "F"}, {"scale": 2}):
        with pytest.raises(ndferry.CopyRequiredError, match="copy"):
            tensor.convert(copy=False, **how)
    assert tensor.convert(copy=False).data_ptr == tensor.data_ptr


def test_packed_types_convert_there_and_back(rng):
    for name in ("int4", "uint4", "int2", "uint2", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn"):
        values = values_of(name, rng)
        packed = ndferry.asarray(values).convert(name)
        assert packed.dtype.is_packed and packed.nbytes == -(-len(values) * packed.dtype.bits // 8)
        back = packed.convert(numpy_dtype(name)).numpy()
        assert same_bytes(back, values).all()
        assert packed.convert("float32").tolist() == [float(one) for one in values]


def test_vectors_become_scalars_along_the_last_axis():
    """PyTorch's 4-bit floats come two in an element, JAX's one."""
    pairs = ndferry.asarray(np.array([[0x21, 0x43], [0x65, 0x07]], np.uint8)).view("float4_e2m1fn_x2")
    numbers = pairs.convert("float32")
    assert np.from_dlpack(numbers).tolist() == [[0.5, 1.0, 1.5, 2.0], [3.0, 4.0, 6.0, 0.0]]
    single = pairs.convert("float4_e2m1fn")
    assert (single.shape, single.data_ptr) == ((2, 4), pairs.data_ptr)
    target = ndferry.zeros((2, 4), "float64")
    pairs.copy_into(target)
    assert target.equal(numbers)


def test_what_cannot_be_converted_is_named_as_numpy_does():
    with pytest.raises(ndferry.UnsupportedError, match="there is no conversion from float64 to .?S5"):
        ndferry.zeros(3).convert("S5")


def test_copy_into_overlapping_memory_is_as_through_a_temporary(rng):
    for _ in range(300):
        array = rng.integers(0, 1000, 60).astype("i4")
        wanted = array.copy()
        tensor = ndferry.asarray(array)
        count = int(rng.integers(1, 10))
        starts, steps = rng.integers(20, 40, size=2), rng.choice([1, 2, -1, -2], size=2)
        to, from_ = (slice(start, start + count * step, step) for start, step in zip(starts, steps))
        wanted[to] = wanted[from_].copy()
        tensor[to].copy_from(tensor[from_])
        np.testing.assert_array_equal(array, wanted)


def test_copy_into_broadcasts_and_converts():
    destination = ndferry.zeros((2, 3), "float32")
    ndferry.asarray([1, 2, 3]).copy_into(destination, casting="unsafe")
    assert destination.tolist() == [[1, 2, 3], [1, 2, 3]]
    with pytest.raises(ndferry.ShapeError):
        destination.copy_from(ndferry.zeros(2, "float32"))
    with pytest.raises(ndferry.DTypeError):
        destination.copy_from(ndferry.zeros(3, "complex64"))
    with pytest.raises(ndferry.ReadOnlyError):
        destination.as_read_only().copy_from(destination)
    with pytest.raises(TypeError, match="asarray"):
        destination.copy_from([1, 2, 3])


def test_equality_is_of_numbers_and_nan_equals_nothing(rng):
    a = ndferry.asarray(rng.integers(0, 100, (3, 4)))
    assert a.equal(a.convert("float32")) and a.T.equal(a.T.copy())
    assert not a.equal(a.T)
    b = a.copy()
    b[2, 3] = 1000
    assert not a.equal(b)
    nan = ndferry.full(2, float("nan"))
    assert not nan.equal(nan)
    assert ndferry.zeros((0, 3)).equal(ndferry.zeros((0, 3), "int8"))


def test_other_threads_run_while_a_conversion_does():
    tensor = ndferry.zeros(20_000_000, "float32")
    ticks, done = [], threading.Event()

    def work():
        for _ in range(3):
            tensor.convert("float64")
        done.set()

    worker = threading.Thread(target=work)
    worker.start()
    while not done.is_set():
        ticks.append(None)
    worker.join()
    assert len(ticks) > 100


def test_many_threads_share_a_tensor():
    tensor = ndferry.asarray(np.arange(1000, dtype="f4").reshape(10, 100))
    failures = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(200):
            i = int(rng.integers(10))
            if np.from_dlpack(tensor[i, ::-1]).sum() != tensor[i].convert("f8").numpy().sum():
                failures.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_an_explanation_tells_loops_bytes_and_way_and_moves_nothing():
    image = ndferry.zeros((108, 192, 3), "uint8")
    lines = image.permute(2, 0, 1).explain_convert("float32").splitlines()
    assert lines[0] == "uint8 to float32: makes 248832 B"
    assert lines[2:4] == [
        "  20736 times source +3 B, target +4 B (run)",
        "  3 times source +1 B (run), target +82944 B",
    ]
    assert any(line.startswith("  way: sheets") for line in lines)
    assert any(line.startswith("  reads 62208 B, writes 248832 B") for line in lines)
    target = ndferry.full((3, 108, 192), 7, "float32")
    told = image.permute(2, 0, 1).explain_convert(into=target, casting="unsafe").splitlines()
    assert told[0] == "uint8 to float32: into the destination"
    assert told[1:] == lines[1:]
    assert target.equal(ndferry.full((3, 108, 192), 7, "float32"))


def test_an_explanation_says_what_is_shared_and_what_is_copied_first():
    row = ndferry.zeros(100, "float64")
    assert row.explain_convert() == "float64 to float64: nothing is to be done, the memory is shared"
    assert "the two share memory, so the source is copied first, to a temporary of 792 B" in row[1:].explain_convert(into=row[:-1])
    assert row[:0].explain_convert("int8").endswith("no element is moved")


def test_an_explanation_is_refused_for_what_the_conversion_is_refused_for():
    tensor, other = ndferry.zeros((2, 3), "float32"), ndferry.zeros((3, 2), "int8")
    hostile = [
        {"dtype_": "int8", "casting": "safe"}, {"order": "F", "copy": False}, {"scale": [1, 2], "axis": 1},
        {"scale": [1, 2], "axis": 5}, {"device": "cuda:0"}, {"dtype_": "V3"}, {"dtype_": "float64", "casting": "no"},
    ]  # fmt: skip
    for how in hostile:
        with pytest.raises(Exception) as refused:  # noqa: PT011
            tensor.convert(**how)
        with pytest.raises(type(refused.value)) as told:
            tensor.explain_convert(**how)
        assert str(told.value) == str(refused.value), how
    for destination in (other, tensor[:1], tensor.as_read_only(), ndferry.zeros((2, 3), "int8")):
        with pytest.raises(Exception) as refused:  # noqa: PT011
            tensor.copy_into(destination)
        with pytest.raises(type(refused.value)) as told:
            tensor.explain_convert(into=destination)
        assert str(told.value) == str(refused.value)
    with pytest.raises(ndferry.InvalidArgumentError, match="with a `destination` it must be all zero"):
        tensor.explain_convert("int8", into=other)
