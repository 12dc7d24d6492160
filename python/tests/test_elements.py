"""Elements as Python numbers, lists, bytes and text."""

from __future__ import annotations

import copy
import pickle

import ml_dtypes
import ndferry
import numpy as np
import pytest
from samples import ALL_NAMES, NUMPY_NAMES, numpy_dtype, random_layout, values_of


@pytest.mark.parametrize("name", ALL_NAMES)
def test_lists_hold_numpys_numbers(name, rng):
    values = values_of(name, rng)[:2000]
    got = ndferry.asarray(values).tolist()
    plain = {"b": bool, "c": complex, "i": int, "u": int}.get(ndferry.dtype(name).kind, float)
    wanted = [plain(one) for one in values]
    assert all(type(one) is plain for one in got)
    np.testing.assert_array_equal(np.array(got), np.array(wanted))


def test_lists_are_nested_like_the_axes(rng):
    for _ in range(100):
        array = random_layout(rng)
        assert ndferry.asarray(array).tolist() == array.tolist()
        assert ndferry.asarray(array).tobytes() == array.tobytes()


@pytest.mark.parametrize("name", ["S3", "M8[s]", "V4", "[('x', '<f4')]"])
def test_elements_without_numbers_say_what_to_do(name):
    with pytest.raises(ndferry.UnsupportedError, match="numpy"):
        ndferry.zeros(3, name).tolist()


def test_one_element_is_a_number():
    one = ndferry.asarray([[7]])
    assert one.item() == 7 and int(one) == 7 and float(one) == 7.0 and complex(one) == 7 and bool(one)
    assert float(ndferry.asarray(2.5)) == 2.5 and not ndferry.zeros(())
    assert ["a", "b"][ndferry.asarray(1)] == "b"
    for call in (int, float, bool, complex):
        with pytest.raises(ValueError, match="exactly one"):
            call(ndferry.zeros(3))
    for not_an_index in (ndferry.asarray([1]), ndferry.asarray(1.0), ndferry.asarray(True)):
        with pytest.raises(TypeError, match="index"):
            [1, 2][not_an_index]


def test_tensors_turn_into_bytes_and_formatted_text():
    tensor = ndferry.asarray([[1, 2], [3, 4]], "int16")
    assert bytes(tensor.T) == tensor.T.tobytes() == np.array([1, 3, 2, 4], "int16").tobytes()
    assert f"{ndferry.asarray(1.5):.2f}" == "1.50" and f"{ndferry.asarray(7):03d}" == "007"
    assert f"{tensor}" == str(tensor) and f"{ndferry.asarray(1.5)}" == str(ndferry.asarray(1.5))
    with pytest.raises(TypeError, match="format"):
        f"{tensor:.2f}"


def test_assignment_is_numpys(rng):
    for _ in range(200):
        array = random_layout(rng, rng.choice(["int32", "float32", "float64"]), max_ndim=3).copy()
        tensor = ndferry.asarray(array.copy())
        key = tuple(slice(None, None, int(step)) for step in rng.choice([1, 2, -1], size=array.ndim))
        value = rng.choice([7, 2.5, True]).item()
        array[key] = value
        tensor[key] = value
        np.testing.assert_array_equal(tensor.numpy(), array)
        other = np.arange(array[key].size).reshape(array[key].shape)
        array[key] = other
        tensor[key] = other if rng.integers(2) else ndferry.asarray(other)
        np.testing.assert_array_equal(tensor.numpy(), array)
    tensor = ndferry.zeros((2, 3))
    tensor[1] = [1, 2, 3]
    tensor[:, 0] = np.array([8, 9], "int8")
    assert tensor.tolist() == [[8, 0, 0], [9, 2, 3]]


def test_fill_and_setitem_take_every_scalar():
    tensor = ndferry.zeros(2, "complex64")
    tensor[0] = 1 + 2j
    tensor[1] = 3
    assert tensor.tolist() == [1 + 2j, 3]
    packed = ndferry.zeros(5, "int4")
    packed[1::2] = -3
    packed[4] = 7
    assert packed.tolist() == [0, -3, 0, -3, 7]
    tensor.fill(np.float32(0.5))
    assert tensor.tolist() == [0.5, 0.5]
    tensor.fill(ndferry.asarray(4))
    assert tensor.tolist() == [4, 4]
    with pytest.raises(TypeError, match="`value` is str"):
        tensor.fill("1")


@pytest.mark.parametrize("name", [*ALL_NAMES, "S3", ">f4", "M8[ns]", "[('x', '<f4'), ('y', '>i8')]"])
def test_pickles_and_copies_are_copies(name, rng):
    tensor = ndferry.zeros((3, 5), name)
    if tensor.dtype.is_convertible:
        tensor[1, ::2] = 1
    for source in (tensor, tensor[:, ::-2]):
        for made in (pickle.loads(pickle.dumps(source)), copy.copy(source), copy.deepcopy(source)):
            assert made.dtype is source.dtype and made.shape == source.shape
            assert made.tobytes() == source.tobytes() and not made.shares_memory(source)


@pytest.mark.parametrize("name", ["bool", "bfloat16", "int4", "M8[s]", "S3", ">f8", "[('x', '<f4')]", "V4", "complex64"])
def test_by_protocol_5_the_elements_go_out_of_band_without_a_copy(name):
    filled = ndferry.zeros((3, 8), name)
    for source in (filled, filled[1], filled[::-2], filled.transpose(), filled[0, 0], filled[:0], filled[:, 1:]):
        buffers = []
        data = pickle.dumps(source, 5, buffer_callback=buffers.append)
        (buffer,) = buffers
        back = pickle.loads(data, buffers=buffers)
        assert back.dtype is source.dtype and back.shape == source.shape and back.tobytes() == source.tobytes()
        assert buffer.raw().nbytes == source.nbytes and not back.read_only
        if source.size and source.is_contiguous() and not source.bit_offset:
            assert back.data_ptr == source.data_ptr
        sent = bytes(buffer.raw())
        assert pickle.loads(data, buffers=[sent]).read_only and pickle.loads(data, buffers=[sent]).tobytes() == sent
        within = pickle.loads(pickle.dumps(source, 5))
        assert within.tobytes() == source.tobytes() and not within.read_only and not within.shares_memory(source)
        assert copy.deepcopy(source.as_read_only()).read_only is False
        del back, within, buffer
        buffers.clear()


def test_buffers_of_pickles_that_do_not_fit_are_refused():
    data = pickle.dumps(ndferry.zeros((2, 3)), 5, buffer_callback=lambda _: None)
    for wrong in (bytes(47), bytes(49), b"", memoryview(bytes(96))[::2]):
        with pytest.raises(ValueError, match="shape .* of float64 needs 48"):
            pickle.loads(data, buffers=[wrong])
    memory = bytearray(48)
    held = pickle.loads(data, buffers=[memory])
    with pytest.raises(BufferError):
        memory.append(1)
    held[0] = 1.0
    del held
    assert any(memory)
    memory.append(1)
    with pytest.raises(ndferry.UnsupportedError, match="cuda:0"):
        pickle.dumps(ndferry.wrap(4096, 4, "float32", device="cuda:0"), 5)


def body(tensor: ndferry.Tensor) -> list[str]:
    """What is printed before the dtype, lines without the indentation that depends on the name's length."""
    text = repr(tensor)
    assert text.startswith("tensor(") and text.endswith(f"dtype={tensor.dtype}, device={tensor.device})")
    return [
        line.strip() for line in text[len("tensor(") : text.rindex("dtype=")].rstrip().removesuffix(",").splitlines()
    ]


def numpy_body(array: np.ndarray) -> list[str]:
    text = np.array2string(array, separator=", ", prefix="tensor(", max_line_width=75)
    return [line.strip() for line in text.splitlines()]


# Before 2.4 NumPy compared halves with its limits in half precision, and printed others with exponents.
OLD_HALVES = {"float16"} if tuple(map(int, np.__version__.split(".")[:2])) < (2, 4) else set()


@pytest.mark.parametrize("name", [name for name in NUMPY_NAMES if name not in OLD_HALVES])
def test_tensors_print_like_numpys_arrays(name, rng):
    for _ in range(40):
        array = random_layout(rng, name)
        if array.dtype.kind == "f":
            array = array * array.dtype.type(rng.choice([1, 0.1, -1.5, 1e-3]))
        if array.size:
            assert body(ndferry.asarray(array)) == numpy_body(array)


def test_long_tensors_are_summarised_like_numpys():
    for array in (np.arange(2000), np.arange(5000).reshape(50, 100) / 7, np.zeros((20, 20, 20), "int8")):
        assert body(ndferry.asarray(array)) == numpy_body(array)


def test_special_floats_print_like_numpys():
    for values in (
        [np.nan, np.inf, -np.inf, 0.0, -0.0],
        [1e300, 1e-300],
        [1.5, np.nan],
        [1e8, 1],
        [1e16, 1],
        [0.1, 1e-5],
    ):
        assert body(ndferry.asarray(np.array(values))) == numpy_body(np.array(values))


def test_a_tensor_prints_its_dtype_and_device():
    assert repr(ndferry.asarray([[1, 2], [3, 4]], "int8")) == (
        "tensor([[1, 2],\n        [3, 4]], dtype=int8, device=cpu)"
    )
    assert repr(ndferry.asarray(1.5)) == "tensor(1.5, dtype=float64, device=cpu)"
    assert repr(ndferry.zeros((0, 3))) == "tensor([], shape=(0, 3), dtype=float64, device=cpu)"
    assert repr(ndferry.asarray([1, 2], "bfloat16")) == "tensor([1., 2.], dtype=bfloat16, device=cpu)"
    assert len(repr(ndferry.zeros(30)).splitlines()) == 3
    assert not any(line.endswith(" ") for line in repr(ndferry.zeros((2, 2, 2, 2))).splitlines())


def test_the_types_of_ml_dtypes_print_their_values():
    for name in ("bfloat16", "float8_e4m3fn", "float4_e2m1fn"):
        values = np.array([0.5, -1.5, 3]).astype(numpy_dtype(name))
        assert all(one in repr(ndferry.asarray(values)) for one in ("0.5", "-1.5", "3"))
    assert ml_dtypes.bfloat16(1.5) == ndferry.asarray([1.5], "bfloat16").numpy()[0]
