"""Every worked example of NumPy's guide "Interoperability with NumPy", a tensor in the place of the foreign object.

One test an example, in the order of the guide, named by the sentence it proves. Where NumPy has moved on since the
guide was written, or where the example cannot hold, the test says so and proves what holds instead.
"""

from __future__ import annotations

import ndferry
import numpy as np
import pytest

NUMPY_2 = np.lib.NumpyVersion(np.__version__) >= "2.0.0"


def f(x):
    """The function of the guide."""
    return np.mean(np.exp(x))


ANSWER = 21.1977562209304  # f of 1, 2, 3, 4, as the guide prints it


def is_tensor(x, values):
    return type(x) is ndferry.Tensor and x.tolist() == values


# The array interface protocol.


def test_the_attribute_array_interface_can_be_inspected_directly():
    x = ndferry.asarray([1, 2, 5.0, 8])
    address, read_only = x.__array_interface__["data"]
    assert address == x.data_ptr and read_only is False
    assert x.__array_interface__ == {
        "data": (address, False),
        "strides": None,
        "descr": [("", "<f8")],
        "typestr": "<f8",
        "shape": (4,),
        "version": 3,
    }
    assert x.as_read_only().__array_interface__["data"] == (address, True)


class Wrapper:
    pass


@pytest.mark.parametrize("as_array", [np.asarray, lambda w: ndferry.asarray(w).numpy()], ids=["numpy", "ndferry"])
def test_the_attribute_array_interface_can_be_used_to_manipulate_the_data_in_place(as_array):
    arr = ndferry.asarray([1, 2, 3, 4])
    buf = arr.__array_interface__
    buf["shape"] = (2, 2)
    w = Wrapper()
    w.__array_interface__ = buf
    new_arr = as_array(w)
    assert new_arr.tolist() == [[1, 2], [3, 4]]
    new_arr[0, 0] = 1000
    assert new_arr.tolist() == [[1000, 2], [3, 4]] and arr.tolist() == [1000, 2, 3, 4]
    arr[3] = -4
    assert new_arr.tolist() == [[1000, 2], [3, -4]]
    # The dict keeps nothing alive, as everywhere: whoever hands out an address keeps its owner.
    assert np.shares_memory(new_arr, arr.numpy())


@pytest.mark.skipif(not NUMPY_2, reason="before NumPy 2 `copy=False` copies where it must")
def test_the_guides_np_array_copy_false_never_copies():
    arr = ndferry.asarray([1, 2, 3, 4])
    assert np.array(arr, copy=False).ctypes.data == arr.data_ptr
    with pytest.raises(ValueError, match="copy"):
        np.array(arr, dtype="f4", copy=False)


def test_numpys_own_dict_changed_by_hand_is_read_by_ndferry():
    arr = np.array([1, 2, 3, 4])
    buf = arr.__array_interface__ | {"shape": (2,), "strides": (16,)}
    w = Wrapper()
    w.__array_interface__ = buf
    view = ndferry.asarray(w)
    assert is_tensor(view, [1, 3])
    view[1] = 30
    assert arr.tolist() == [1, 2, 30, 4]


# What NumPy tries, in order.


def test_numpy_tries_buffer_then_interface_then_array_and_all_of_them_show_the_same_memory():
    x = ndferry.asarray(np.arange(6, dtype="f4").reshape(2, 3)[:, ::-1])
    only = {}
    for name in ("__array_interface__", "__array_struct__"):
        only[name] = Wrapper()
        setattr(only[name], name, getattr(x, name))
    shown = [np.asarray(x), np.asarray(x.memoryview()), x.__array__(), *map(np.asarray, only.values())]
    assert all(one.flags.writeable for one in shown)
    shown.append(np.from_dlpack(x))
    for array in shown:
        assert array.ctypes.data == x.data_ptr and array.strides == x.byte_strides and array.dtype == "f4"


def test_numpy_does_not_convert_objects_by_dlpack_unless_from_dlpack_is_called():
    class OnlyDLPack:
        def __init__(self, x):
            self.x = x

        def __dlpack__(self, **how):
            return self.x.__dlpack__(**how)

        def __dlpack_device__(self):
            return self.x.__dlpack_device__()

    x = ndferry.asarray([1.0, 2.0])
    assert np.asarray(OnlyDLPack(x)).dtype == object
    assert np.from_dlpack(OnlyDLPack(x)).ctypes.data == x.data_ptr
    assert ndferry.asarray(OnlyDLPack(x)).data_ptr == x.data_ptr  # ndferry does


# The `__array__()` method.


def test_array_creates_a_view_if_possible_and_copies_otherwise():
    x = ndferry.asarray([1, 2, 3])
    assert x.__array__().ctypes.data == x.data_ptr
    assert x.__array__("i8").ctypes.data == x.data_ptr
    converted = x.__array__("f4")
    assert converted.dtype == "f4" and not np.shares_memory(converted, x.numpy())
    assert not np.shares_memory(x.__array__(copy=True), x.numpy())
    with pytest.raises(ValueError, match="copy"):
        x.__array__("f4", copy=False)


class DiagonalArray:
    """The custom array container of NumPy's page on dispatch, to which the guide refers."""

    def __init__(self, n, value):
        self.n, self.value = n, value

    def __array__(self, dtype=None, copy=None):
        return self.value * np.eye(self.n, dtype=dtype)


def test_an_object_with_only_array_is_converted_by_ndferry_and_by_numpys_functions_beside_a_tensor():
    arr = DiagonalArray(2, 3)
    x = ndferry.asarray(arr)
    assert is_tensor(x, [[3, 0], [0, 3]])
    for made in (np.multiply(x, arr), np.multiply(arr, x), x * arr):
        assert is_tensor(made, [[9, 0], [0, 9]])


# Operating on foreign objects without converting.


def test_the_function_of_the_guide_gives_the_same_on_an_array_and_on_a_tensor():
    assert f(np.array([1, 2, 3, 4])) == pytest.approx(ANSWER)
    made = f(ndferry.asarray([1, 2, 3, 4]))
    assert type(made) is ndferry.Tensor and made.item() == f(np.array([1, 2, 3, 4]))


def test_control_is_passed_completely_to_the_array_ufunc_of_an_input():
    x = ndferry.asarray([1.0, 4.0])
    assert type(x).__array_ufunc__(x, np.sqrt, "__call__", x).tolist() == [1, 2]
    assert is_tensor(np.sqrt(x), [1, 2])
    assert is_tensor(np.sqrt(x, out=x), [1, 2])


def test_array_ufunc_relies_on_at_reduce_and_the_other_methods():
    x = ndferry.asarray([1, 2, 3, 4])
    np.add.at(x, [0, 0], 10)
    assert is_tensor(x, [21, 2, 3, 4])
    assert np.add.reduce(x).item() == 30
    assert is_tensor(np.add.accumulate(x), [21, 23, 26, 30])
    assert is_tensor(np.add.reduceat(x, [0, 2]), [23, 7])
    assert is_tensor(np.multiply.outer(x[:2], x[2:]), [[63, 84], [6, 8]])


def test_not_implemented_is_returned_when_the_operation_is_not_implemented():
    class Stranger:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return "the stranger's answer"

    x = ndferry.zeros(2)
    assert x.__array_ufunc__(np.add, "__call__", x, Stranger()) is NotImplemented
    assert np.add(x, Stranger()) == "the stranger's answer"


def test_array_function_diverts_functions_that_are_no_ufuncs():
    x = ndferry.asarray([[2.0, 0.0], [0.0, 4.0]])
    inverse = np.linalg.inv(x)
    assert is_tensor(inverse, [[0.5, 0], [0, 0.25]])
    assert is_tensor(np.concatenate([x[0], np.array([1.0])]), [2, 0, 1])


# Returning foreign objects.


def test_array_finalize_runs_whenever_numpy_makes_an_array_of_the_subclass():
    x = ndferry.asarray([1.0, 2.0, 3.0])
    array = ndferry.ndarray(x, label="explicit construction")
    cast = x.numpy().view(ndferry.ndarray)
    assert (array.label, cast.label) == ("explicit construction", None)
    assert array[1:].label == array.copy().label == array.T.label == (array + 1).label == "explicit construction"


class InfoArray(np.ndarray):
    """NumPy's `RealisticInfoArray`, from its page on subclassing, to which the guide refers."""

    def __new__(cls, input_array, info=None):
        obj = np.asarray(input_array).view(cls)
        obj.info = info
        return obj

    def __array_finalize__(self, obj):
        if obj is not None:
            self.info = getattr(obj, "info", None)


def test_a_users_subclass_is_a_view_of_a_tensor_and_keeps_its_information():
    x = ndferry.asarray(np.arange(5))
    obj = InfoArray(x, info="information")
    assert type(obj) is InfoArray and obj.ctypes.data == x.data_ptr
    assert type(obj[1:]) is InfoArray and obj[1:].info == "information"
    obj[0] = 10
    assert x[0].item() == 10
    for made in (np.add(np.arange(5), obj), np.add(x, obj), x + obj, obj + x):
        assert type(made) is InfoArray and made.info == "information"


def test_array_wrap_sets_the_type_of_the_return_value():
    x = ndferry.asarray([[1, 2], [3, 4]])
    wrapped = x.__array_wrap__(np.array([1.0, 2.0]), None, False)
    assert is_tensor(wrapped, [1, 2])
    assert type(x.__array_wrap__(np.array(1.0), None, True)) is ndferry.Tensor  # no scalar: as in CuPy
    assert x.__array_priority__ > np.zeros(1).__array_priority__


def test_the_owner_follows_the_memory_and_the_label_follows_the_results():
    x = ndferry.asarray([1.0, 2.0])
    array = ndferry.ndarray(x, label="camera", origin="cuda:1")
    assert array[1:].owner is x and (array * 2).owner is None
    assert np.exp(array).label == "camera" and (array * 2).origin == "cuda:1"
    del array


# Example: pandas Series.


def series():
    return pytest.importorskip("pandas").Series([1, 2, 3, 4])


def test_ufuncs_apply_to_a_series_made_of_a_tensor():
    pandas = pytest.importorskip("pandas")
    ser = pandas.Series(ndferry.asarray([1, 2, 3, 4]))
    made = np.exp(ser)
    assert type(made) is pandas.Series and made.dtype == "float64"
    np.testing.assert_allclose(made, [2.718282, 7.389056, 20.085537, 54.598150], rtol=1e-6)
    np.testing.assert_allclose(np.sin(ser), [0.841471, 0.909297, 0.141120, -0.756802], atol=1e-6)


def test_np_add_of_a_series_and_a_tensor_is_a_series():
    ser = series()
    for made in (np.add(ser, ndferry.asarray([5, 6, 7, 8])), ser + ndferry.asarray([5, 6, 7, 8])):
        assert type(made) is type(ser) and made.tolist() == [6, 8, 10, 12] and made.dtype == "int64"


def test_the_function_of_the_guide_applies_to_a_series_and_array_makes_a_numpy_array():
    ser = series()
    assert f(ser) == pytest.approx(ANSWER)
    assert type(ser.__array__()) is np.ndarray
    assert is_tensor(ndferry.asarray(ser), [1, 2, 3, 4])


# Example: PyTorch tensors.


def test_tensors_and_arrays_share_the_same_memory_in_both_directions_beside_pytorch():
    torch = pytest.importorskip("torch")
    data = [[1, 2], [3, 4]]
    x_np, x_torch = np.array(data), torch.tensor(data)
    a, b = ndferry.asarray(x_np), ndferry.asarray(x_torch)
    assert a.data_ptr == x_np.ctypes.data and b.data_ptr == x_torch.data_ptr()
    a[0, 0] = b[0, 0] = 9
    assert x_np[0, 0] == x_torch[0, 0] == 9


def test_np_exp_of_a_tensor_is_compatible_with_the_initial_type():
    made = np.exp(ndferry.asarray([[1, 2], [3, 4]]))
    assert type(made) is ndferry.Tensor and made.dtype == "float64"
    np.testing.assert_allclose(made, [[2.7183, 7.3891], [20.0855, 54.5982]], atol=1e-4)


def test_np_abs_of_a_tensor_is_a_tensor():
    assert is_tensor(np.abs(ndferry.asarray([0, -1, 2, -3])), [0, 1, 2, 3])


def test_mixing_arrays_and_tensors_works_and_has_one_rule():
    # The guide warns of PyTorch's corner cases; with ndferry's tensors whichever side they stand on, they win.
    t, a = ndferry.asarray([1, 2]), np.array([3, 4])
    for made in (t + a, a + t, np.add(t, a), np.add(a, t)):
        assert is_tensor(made, [4, 6])
    a += t
    assert type(a) is np.ndarray and a.tolist() == [4, 6]


# Example: CuPy arrays. What CuPy does with memory of a GPU, tensors do with memory of the host.


def test_mean_of_exp_is_an_array_of_the_initial_type_without_axes():
    made = np.mean(np.exp(ndferry.asarray([1, 2, 3, 4])))
    assert type(made) is ndferry.Tensor and made.shape == () and float(made) == pytest.approx(ANSWER)


def test_the_return_type_of_np_sum_is_consistent_with_the_initial_type():
    arr = ndferry.asarray(np.random.default_rng(0).standard_normal((1, 2, 3, 4))).astype("float32")
    result = np.sum(arr)
    assert type(result) is ndferry.Tensor and result.dtype == "float32"


def test_np_linalg_qr_of_a_tensor_gives_tensors():
    a = np.random.default_rng(0).standard_normal((100, 100))
    q, r = np.linalg.qr(ndferry.asarray(a))
    assert type(q) is type(r) is ndferry.Tensor
    np.testing.assert_allclose(q @ r, a, atol=1e-12)


def test_memory_of_a_gpu_is_never_read_in_numpys_functions():
    # CuPy would compute there. A tensor that only describes such memory says so, and says what to do.
    memory = ndferry.zeros(5)
    x = ndferry.wrap(memory.data_ptr, 5, "float64", device="cuda:0", owner=memory)
    for call in (np.exp, np.mean, lambda x: x + 1):
        with pytest.raises(TypeError, match="cuda:0"):
            call(x)


# Example: Dask arrays.


def test_mean_of_exp_of_a_dask_array_of_tensors_is_lazy_until_it_is_computed():
    da = pytest.importorskip("dask.array")
    da.register_chunk_type(ndferry.Tensor)
    values = np.random.default_rng(0).normal(1, 0.1, size=(20, 20))
    x = da.from_array(values, chunks=(10, 10)).map_blocks(ndferry.asarray)
    lazy = np.mean(np.exp(x))
    assert type(lazy) is da.Array and lazy.shape == () and lazy.dtype == "float64"
    computed = lazy.compute()
    assert type(computed) is ndferry.Tensor
    assert float(computed) == pytest.approx(f(values))


def test_a_dask_array_of_a_tensor_has_chunks_that_are_tensors_on_a_copy_as_it_makes_of_arrays():
    da = pytest.importorskip("dask.array")
    da.register_chunk_type(ndferry.Tensor)
    whole = ndferry.asarray(np.arange(16.0).reshape(4, 4))
    x = da.from_array(whole, chunks=(2, 2), asarray=False)
    whole[2, 2] = -1
    block = x.blocks[1, 1].compute()
    assert is_tensor(block, [[10, 11], [14, 15]])


# Example: DLPack.


def test_from_dlpack_of_a_pytorch_tensor_is_a_view_and_a_write_is_seen_on_both_sides():
    torch = pytest.importorskip("torch")
    x_torch = torch.arange(5)
    x = ndferry.from_dlpack(x_torch)
    x_np = np.from_dlpack(x)
    x_torch[1] = 100
    assert x.tolist() == x_np.tolist() == x_torch.tolist() == [0, 100, 2, 3, 4]
    x_np[2] = 200
    assert x_torch[2] == 200


@pytest.mark.skipif(not NUMPY_2, reason="before NumPy 2.1 every array that from_dlpack imports is read-only")
def test_imported_arrays_are_writable_now_and_read_only_where_the_tensor_is():
    # The guide's "imported arrays are read-only" was the rule before DLPack 1.0 could say which are.
    x = ndferry.asarray([1, 2, 3])
    assert np.from_dlpack(x).flags.writeable
    frozen = np.from_dlpack(x.as_read_only())
    assert not frozen.flags.writeable
    with pytest.raises(ValueError, match="assignment destination is read-only"):
        frozen[1] = 1
    with pytest.raises(ValueError, match="read-only"):
        frozen.sort()
    assert x.tolist() == [1, 2, 3]


def test_a_copy_must_be_made_to_sort_what_is_read_only():
    x = ndferry.asarray([3, 1, 2]).as_read_only()
    with pytest.raises(ValueError, match="read-only"):
        x[0] = 1
    copy = x.copy()
    copy.numpy().sort()
    assert copy.tolist() == [1, 2, 3] and x.tolist() == [3, 1, 2]


def on_cuda():
    """Memory that claims to be a GPU's. It is the host's, so that nothing breaks where a check is missing."""
    memory = ndferry.asarray([0, 1, 2, 3, 4])
    return ndferry.wrap(memory.data_ptr, 5, "int64", device="cuda:0", owner=memory)


@pytest.mark.parametrize(
    "convert",
    [np.from_dlpack, np.asarray, np.array, memoryview, bytes, lambda x: x.numpy(), lambda x: x.tolist()],
    ids=["from_dlpack", "asarray", "array", "memoryview", "bytes", "numpy", "tolist"],
)
def test_a_gpu_tensor_is_not_converted_to_a_numpy_array(convert):
    with pytest.raises((RuntimeError, BufferError, TypeError), match="cuda:0|[Uu]nsupported device|bytes-like"):
        convert(on_cuda())


def test_the_transfer_has_to_be_asked_for_and_says_what_is_missing_where_it_cannot_be_made():
    # The standard advises to raise, and to let the user enable transfers explicitly: here by `device` or `to_device`.
    if ndferry.device("cuda:0") in ndferry.devices():
        pytest.skip("there is a GPU, whose memory this is not")
    x = on_cuda()
    for explicit in (lambda: x.to_device("cpu"), lambda: ndferry.from_dlpack(x, device="cpu")):
        with pytest.raises((ndferry.DeviceUnavailableError, BufferError), match="libcuda"):
            explicit()
    with pytest.raises(BufferError, match="copy"):
        x.__dlpack__(dl_device=(1, 0), copy=False)


def test_libraries_that_support_the_device_take_the_memory_where_it_is():
    # In the place of the guide's CuPy, which needs a GPU: a library that only looks at the description.
    tvm_ffi = pytest.importorskip("tvm_ffi")
    x = on_cuda()
    taken = tvm_ffi.from_dlpack(x)
    assert taken.__dlpack_device__() == (2, 0) and tuple(taken.shape) == (5,)


def test_an_array_of_numpy_becomes_a_pytorch_tensor():
    torch = pytest.importorskip("torch")
    x_np = np.arange(5)
    x_torch = torch.from_dlpack(ndferry.from_dlpack(x_np))
    assert x_torch.data_ptr() == x_np.ctypes.data
    x_torch[0] = 7
    assert x_np[0] == 7


@pytest.mark.skipif(not NUMPY_2, reason="NumPy 1 has no words for read-only")
def test_read_only_arrays_cannot_be_exported_to_those_who_cannot_say_read_only():
    x_np = np.arange(5)
    x_np.flags.writeable = False
    x = ndferry.from_dlpack(x_np)
    assert x.read_only
    # The guide's TypeError is the standard's BufferError today, and only where the consumer knows no flags.
    with pytest.raises(BufferError, match="read-only"):
        x.__dlpack__()
    assert not np.from_dlpack(x).flags.writeable


def test_pytorch_takes_read_only_memory_and_forgets_that_it_is():
    # PyTorch asks for flags and ignores this one: "the user is then responsible", says the standard. Nothing that a
    # producer does can help; `copy=True` gives PyTorch memory of its own.
    torch = pytest.importorskip("torch")
    x = ndferry.asarray([1, 2, 3]).as_read_only()
    assert torch.from_dlpack(x).data_ptr() == x.data_ptr
    own = torch.from_dlpack(x, copy=True)
    assert own.data_ptr() != x.data_ptr and own.tolist() == [1, 2, 3]


# The survey of array interfaces.


def test_all_interfaces_of_the_survey_are_there_and_describe_the_same_memory():
    x = ndferry.asarray(np.arange(6.0).reshape(2, 3))
    assert x.__array_interface__["data"][0] == x.__array__().ctypes.data == x.data_ptr
    assert type(x.__array_struct__).__name__ == "PyCapsule"


def test_what_pytorch_does_not_speak_is_reached_by_dlpack():
    # "PyTorch implements hooks for __array__ but not for __array_interface__": a tensor in between has them all.
    torch = pytest.importorskip("torch")
    x_torch = torch.arange(4, dtype=torch.float32)
    assert not hasattr(x_torch, "__array_interface__")
    x = ndferry.asarray(x_torch)
    assert x.__array_interface__["data"] == (x_torch.data_ptr(), False)
    assert np.asarray(x).ctypes.data == x_torch.data_ptr()


def test_the_address_and_type_of_the_interface_wrap_memory_for_a_c_library():
    import ctypes

    libc = ctypes.CDLL(None)
    x = ndferry.asarray([3, 1, 2], "int32")
    interface = x.__array_interface__
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    order = compare(lambda a, b: a[0] - b[0])
    libc.qsort.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, compare]
    libc.qsort(interface["data"][0], interface["shape"][0], int(interface["typestr"][2:]), order)
    assert x.tolist() == [1, 2, 3]
