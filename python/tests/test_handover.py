"""`Tensor.to`, `Tensor.explain` and `ndferry.consumers`, as far as they can be seen without the great frameworks; with
them, `python/interop` goes on."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import types

import ndferry
import numpy as np
import pytest
from ndferry import _handover
from samples import random_layout

NEW_NUMPY = np.lib.NumpyVersion(np.__version__) >= "2.1.0"


def test_numpy_gets_its_own_array_on_the_same_memory(rng):
    for _ in range(50):
        array = random_layout(rng)
        tensor = ndferry.asarray(array)
        back = tensor.to("numpy")
        assert type(back) is np.ndarray
        np.testing.assert_array_equal(back, array, strict=True)
        assert back.ctypes.data == array.ctypes.data or not array.size


@pytest.mark.skipif(not NEW_NUMPY, reason="before 2.1 NumPy makes read-only arrays of all that comes through DLPack")
def test_what_numpy_writes_is_seen():
    tensor = ndferry.zeros(3)
    tensor.to(np)[1] = 5
    assert tensor.tolist() == [0, 5, 0]


def test_read_only_and_writable_stay_what_they_are_in_numpy():
    assert ndferry.zeros(3).to("numpy").flags.writeable == NEW_NUMPY
    array = ndferry.zeros(3).as_read_only().to("numpy")
    assert not array.flags.writeable
    with pytest.raises(ValueError, match="WRITEABLE"):
        array.flags.writeable = True


def test_tvm_ffi_gets_a_copy_of_read_only_memory_and_else_the_memory():
    tvm_ffi = pytest.importorskip("tvm_ffi")
    tensor = ndferry.zeros((4, 3))[::-1]
    got = tensor.to(tvm_ffi)
    assert type(got) is tvm_ffi.Tensor and got.strides == (-3, 1) and ndferry.from_dlpack(got).data_ptr == tensor.data_ptr
    frozen = tensor.as_read_only()
    assert frozen.explain("tvm-ffi") == "TVM FFI: read-only memory would become writable; copies 96 B"
    assert ndferry.from_dlpack(frozen.to("tvm_ffi")).data_ptr != tensor.data_ptr
    with pytest.raises(BufferError, match="forbids to copy 96 B"):
        frozen.to("tvm-ffi", copy=False)
    shared = frozen.to("tvm-ffi", copy=False, allow_writable=True)
    assert ndferry.from_dlpack(shared).data_ptr == tensor.data_ptr
    assert ndferry.from_dlpack(tensor.to("tvm-ffi", copy=True)).data_ptr != tensor.data_ptr


def test_a_tensor_for_a_strict_consumer_is_a_tensor_that_any_library_takes():
    plain = ndferry.zeros((4, 3))
    assert plain.to("strict").data_ptr == plain.data_ptr
    for tensor in (plain[::-1], plain.T, plain[1:], plain.as_read_only(), ndferry.asarray(np.zeros(3, ">f8"))):
        made = tensor.to("strict")
        assert type(made) is ndferry.Tensor and made.equal(tensor) and made.is_contiguous()
        assert not made.read_only and made.data_ptr % 64 == 0 and made.dtype == made.numpy().dtype.newbyteorder("=")


def test_every_consumer_is_in_the_table():
    rows = ndferry.consumers()
    assert list(rows)[:3] == ["numpy", "numpy<2.1", "torch"] and len(rows) == 11
    for name, row in rows.items():
        assert type(row) is ndferry.Consumer and row.name == name and row.title and row.evidence
        assert row.structs in ("legacy", "versioned", "both")
        assert row.strides in ("any", "not-negative", "dense", "row-major")
        assert row.dtypes is None or all(str(ndferry.dtype(one)) == one for one in row.dtypes)
        assert row.devices is None or all(ndferry.device(f"{one}:0") for one in row.devices if one != "oneapi")
        title = rows["numpy<2.1"].title if name == "numpy" and not NEW_NUMPY else row.title
        assert ndferry.zeros(3, "float32").explain(name).startswith(f"{title}: ")
    assert rows["jax"].alignment == 64 and rows["tvm-ffi"].dtypes is None and not rows["cupy"].is_tested


def test_explaining_needs_no_library_and_copies_nothing():
    program = """
import sys, ndferry
tensor = ndferry.zeros((4, 3), "float32")[:, :2]
before = ndferry.statistics()
print(tensor.explain("torch"), tensor.explain("jax"), tensor.explain("cupy", copy=False), sep="\\n")
assert ndferry.statistics() == before
assert not {"torch", "jax", "cupy", "numpy"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines() == [
        "PyTorch: zero-copy",
        "JAX: stride 3 of axis 0 is not dense; copies 32 B",
        "CuPy: takes memory on cuda or cuda_managed, the tensor is on cpu",
    ], done.stderr


def test_what_cannot_be_handed_over_is_a_buffer_error_that_says_what_to_do():
    tensor = ndferry.zeros(3, "bfloat16")
    assert tensor.explain("numpy").endswith(": does not take bfloat16 through DLPack; convert it to float32")
    with pytest.raises(BufferError, match="convert it to float32"):
        tensor.to("numpy")
    assert tensor.convert("float32").to("numpy").tolist() == [0, 0, 0]
    with pytest.raises(BufferError, match="view it as int64"):
        ndferry.zeros(3, "M8[s]").to("numpy")


@pytest.mark.parametrize("wrong", ["caffe", "", "numpy<3", "JAX"])
def test_an_unknown_name_is_told_all_the_known_ones(wrong):
    for call in (ndferry.zeros(3).to, ndferry.zeros(3).explain):
        with pytest.raises(ndferry.InvalidArgumentError, match="it may be numpy, numpy<2.1, torch, jax"):
            call(wrong)


@pytest.mark.parametrize(("alias", "name"), _handover.ALIASES.items())
def test_what_people_call_a_library_is_known_too(alias, name):
    tensor = ndferry.zeros((4, 3), "float32")
    assert name in ndferry.consumers() and alias not in ndferry.consumers()
    assert tensor.explain(alias) == tensor.explain(alias.upper()) == tensor.explain(name)


def test_arrays_of_numpy_are_made_by_its_alias():
    assert type(ndferry.zeros(3).to("np")) is np.ndarray


def test_arguments_of_the_wrong_kind_are_refused():
    tensor = ndferry.zeros(3)
    for wrong in (None, 3, np.zeros(3), b"numpy"):
        with pytest.raises(TypeError, match="a library's name, or its module"):
            tensor.to(wrong)
    with pytest.raises(ValueError, match="`copy` is 'no'"):
        tensor.to("numpy", copy="no")
    with pytest.raises(ndferry.InvalidArgumentError, match="it may be numpy"):
        tensor.to(types.ModuleType("caffe"))


def test_a_library_that_is_not_there_is_an_import_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlx", None)
    monkeypatch.setitem(sys.modules, "mlx.core", None)
    with pytest.raises(ImportError, match='`consumer` is "mlx", and mlx is not installed'):
        ndferry.zeros(3).to("mlx")


def test_what_a_library_itself_lacks_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "cupy.py").write_text("import a_driver_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    with pytest.raises(ModuleNotFoundError, match="a_driver_that_is_not_there"):
        ndferry.zeros(3).to("cupy")


class Consumer(types.ModuleType):
    """A library that notes what it was given."""

    def from_dlpack(self, handed):
        self.device = handed.__dlpack_device__()
        return ndferry.from_dlpack(handed.__dlpack__(stream=self.stream))


@pytest.fixture
def cupy(monkeypatch):
    module = Consumer("cupy")
    module.stream = None
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_device_memory_is_handed_over_with_the_streams_that_the_tensor_knows(cupy):
    memory = (ctypes.c_float * 4)()
    tensor = ndferry.wrap(ctypes.addressof(memory), 4, "float32", device="cuda:1", owner=memory)
    assert tensor.explain(cupy) == "CuPy: zero-copy"
    cupy.stream = -1
    got = tensor.to(cupy)
    assert cupy.device == (2, 1) and got.device == "cuda:1" and got.data_ptr == tensor.data_ptr
    cupy.stream = "a stream"
    with pytest.raises((ValueError, BufferError, TypeError)) as ours:
        tensor.__dlpack__(stream="a stream", max_version=(1, 0))
    with pytest.raises(type(ours.value)):
        tensor.to(cupy)
    with pytest.raises(BufferError, match="stride -1 of axis 0 is negative, and memory on cuda:1 cannot be copied here"):
        _handover._hand(tensor.flip(), "torch", _handover._options(None, False))


def test_a_struct_that_finds_no_capsule_is_ended(monkeypatch):
    def fails(*_):
        raise MemoryError

    tensor = ndferry.zeros(3)
    before = ndferry.statistics()
    monkeypatch.setattr(_handover.lib, "ndf_py_capsule_of_dlpack", fails)
    for profile in ("torch", "jax"):
        with pytest.raises(MemoryError):
            _handover._hand(tensor, profile, _handover._options(True, False))
    assert ndferry.statistics() == before


def test_a_capsule_that_nobody_takes_ends_its_struct():
    tensor = ndferry.zeros(3)
    before = ndferry.statistics()
    for profile in ("torch", "jax"):
        handed = _handover._hand(tensor, profile, _handover._options(True, False))
        assert ndferry.statistics().live_bytes == before.live_bytes + 24
        del handed
        assert ndferry.statistics() == before


def test_a_capsule_needs_one_struct_of_the_two():
    with pytest.raises(ValueError, match="one of `versioned` and `legacy` must be NULL"):
        _handover.lib.ndf_py_capsule_of_dlpack(None, None)
