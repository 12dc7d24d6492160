"""The buffer protocol, both ways. CPython's own test exporter, where there is one, says what is right."""

from __future__ import annotations

import array
import ctypes
import gc
import io
import mmap
import struct
import subprocess
import sys
import threading
from ctypes import byref

import ndferry
import numpy as np
import pytest
from ndferry import _declarations as c
from ndferry._library import lib
from samples import random_layout

IS_BUFFER = sys.version_info >= (3, 12)
since_3_12 = pytest.mark.skipif(not IS_BUFFER, reason="a class written in Python is a buffer from 3.12 on")


def layouts():
    """Tensors with the same bytes as arrays of CPython's exporter: (tensor, shape, strides in bytes, read-only)."""
    whole = ndferry.asarray(np.arange(24, dtype="f4")).reshape(4, 6)
    for tensor in (
        whole, whole.T, whole[::2], whole[:, ::-1], whole[1], whole[:, 1], whole[::-1, ::-2], whole[1:2], whole[:, :1],
        whole[0, 0], whole.reshape(2, 1, 12), whole.reshape(2, 3, 4).permute(0, 2, 1), whole[2:2], whole[:, 3:3],
        whole.reshape(1, 24)[:, ::3], whole.as_read_only(), whole.T.as_read_only(), whole[0, :1].broadcast_to(3, 3),
    ):  # fmt: skip
        yield tensor


def oracle(tensor, testbuffer):
    """CPython's exporter with the same layout."""
    flags = testbuffer.ND_VAREXPORT | (0 if tensor.read_only else testbuffer.ND_WRITABLE)
    if not tensor.ndim:
        return testbuffer.ndarray(tensor.item(), shape=[], format="f", flags=flags)
    strides = list(tensor.byte_strides)
    low = sum(min(0, (extent - 1) * stride) for extent, stride in zip(tensor.shape, strides) if extent)
    return testbuffer.ndarray(
        [0.0] * 100, shape=list(tensor.shape), strides=strides, offset=-low, format="f", flags=flags
    )


def answer(testbuffer, exporter, flags):
    """What a consumer that asks for `flags` sees, or why not."""
    try:
        seen = testbuffer.ndarray(exporter, getbuf=flags)
    except BufferError:
        return BufferError
    return seen.ndim, seen.nbytes, seen.itemsize, seen.readonly, seen.format, seen.shape, seen.strides, seen.suboffsets


def filled(tensor, flags):
    """What the C function fills, in the words of `answer`."""
    buffer = c.ndf_buffer()
    status = lib.ndf_tensor_to_buffer(tensor._handle, flags, byref(buffer))
    if status:
        return BufferError
    dims = [tuple(one[: buffer.ndim]) if one else () for one in (buffer.shape, buffer.strides)]
    format = (buffer.format or b"").decode()
    seen = buffer.ndim, buffer.len, buffer.itemsize, bool(buffer.readonly), format, *dims, ()
    lib.ndf_buffer_release(byref(buffer))
    assert not buffer.internal and not buffer.buf
    return seen


# All of them but PyBUF_READ alone, which no exporter may be asked.
FLAGS = [flags for flags in range(0x200) if flags != 0x100]


def canonical(seen, tensor):
    """Without strides of axes that are never walked, which may be any."""
    if seen is BufferError or not seen[6]:
        return seen
    walked = [stride for stride, extent in zip(seen[6], tensor.shape) if extent > 1 and tensor.size]
    return *seen[:6], walked, seen[7]


def test_requests_are_answered_as_cpython_answers_them():
    testbuffer = pytest.importorskip("_testbuffer")
    refused = 0
    for tensor in layouts():
        theirs = oracle(tensor, testbuffer)
        exporter = tensor.memoryview().obj
        for flags in FLAGS:
            wanted = canonical(answer(testbuffer, theirs, flags), tensor)
            assert canonical(answer(testbuffer, exporter, flags), tensor) == wanted, (tensor.strides, hex(flags))
            if IS_BUFFER:
                assert canonical(answer(testbuffer, tensor, flags), tensor) == wanted, (tensor.strides, hex(flags))
            direct = filled(tensor, flags)
            if direct is not BufferError and wanted is not BufferError:
                assert direct[:4] == wanted[:4]
                assert canonical(direct, tensor)[5:] == wanted[5:] or not flags & 8
                assert direct[4] == ("f" if flags & 4 else "")
            assert (direct is BufferError) == (wanted is BufferError), (tensor.strides, hex(flags))
            refused += wanted is BufferError
    assert refused > 1000


@pytest.mark.parametrize("name", ["?", "b", "H", "i", "q", "e", "d", "F", "D", "S3", "U2", ">f8", "f4,i8", "i1,>u2"])
def test_numpy_reads_from_a_memoryview_what_was_given(name, rng):
    wanted = np.zeros((3, 4), name)
    wanted.view("u1")[...] = rng.integers(0, 2, wanted.view("u1").shape)
    for array_ in (wanted, wanted.T, wanted[::-2, 1:], wanted[1:1], wanted[0, 0, ...]):
        view = ndferry.asarray(array_).memoryview()
        got = np.asarray(view)
        assert got.dtype == array_.dtype and got.shape == array_.shape and got.tobytes() == array_.tobytes()
        if array_.size:
            assert got.ctypes.data == array_.ctypes.data and got.strides == array_.strides
        assert view.nbytes == array_.nbytes and not view.readonly


def test_random_layouts_come_and_go_unchanged(rng):
    for _ in range(300):
        wanted = random_layout(rng)
        view = ndferry.asarray(wanted).memoryview()
        assert view.tolist() == wanted.tolist()
        back = ndferry.asarray(view)
        assert back.shape == wanted.shape and back.tolist() == wanted.tolist()


def test_types_without_a_format_have_no_memoryview():
    for name in ("bfloat16", "float8_e5m2", "M8[s]", "int4", "int4[padded]", "complex32"):
        with pytest.raises(BufferError):
            ndferry.zeros(4, name).memoryview()
    assert ndferry.zeros(4, "bfloat16").view("uint16").memoryview().format == "H"
    with pytest.raises(BufferError, match="cuda:0"):
        ndferry.wrap(4096, 4, "float32", device="cuda:0").memoryview()


def test_read_only_tensors_have_read_only_memoryviews():
    view = ndferry.zeros(3).as_read_only().memoryview()
    assert view.readonly and not np.asarray(view).flags.writeable
    with pytest.raises(TypeError):
        view[0] = 1.0


def test_a_memoryview_outlives_the_tensor_and_a_tensor_the_memoryview():
    before = ndferry.statistics()
    tensor = ndferry.asarray([1.0, 2.0, 3.0])
    view = tensor[::-1].memoryview()
    del tensor
    gc.collect()
    assert view.tolist() == [3, 2, 1] and ndferry.statistics().live_bytes == before.live_bytes + 24
    part, array_ = view[1:], np.asarray(view)
    view.release()
    assert part.tolist() == [2, 1] and array_.tolist() == [3, 2, 1]
    back = ndferry.asarray(part)
    del part, array_, view
    gc.collect()
    assert back.tolist() == [2, 1] and ndferry.statistics().live_bytes == before.live_bytes + 24 + 16
    del back
    assert ndferry.statistics() == before


def test_a_released_memoryview_gives_its_reference_up():
    before = ndferry.statistics()
    with ndferry.zeros(3).memoryview():
        assert ndferry.statistics().live_tensors == before.live_tensors + 1
    assert ndferry.statistics() == before
    with pytest.raises(BufferError):
        ndferry.zeros((2, 2)).T.__buffer__(0)
    assert ndferry.statistics() == before


def test_owners_in_python_are_given_up_with_the_last_memoryview():
    memory = bytearray(8)
    view = ndferry.asarray(memory).memoryview()
    with pytest.raises(BufferError):
        memory.append(1)
    view.release()
    memory.append(1)


def test_the_exporter_is_made_by_the_library_alone():
    exporter = ndferry.zeros(2).memoryview().obj
    assert type(exporter).__name__ == "Buffer" and type(exporter) is type(ndferry.zeros(2).memoryview().obj)
    with pytest.raises(TypeError):
        type(exporter)()
    with pytest.raises(TypeError):
        type(exporter).x = 1
    assert memoryview(exporter).tolist() == [0, 0]


def test_threads_make_and_release_memoryviews_at_once():
    tensor, wrong = ndferry.asarray(list(range(100))), []

    def work():
        for i in range(500):
            view = tensor[i % 50 :].memoryview()
            if view[0] != i % 50 or np.asarray(view).sum() != sum(range(i % 50, 100)):
                wrong.append(i)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


IN_A_SECOND_INTERPRETER = """if True:
    import sys
    sys.path[:] = {path!r}
    import ndferry
    view = ndferry.asarray([1, 2]).memoryview()
    assert view.tolist() == [1, 2] and memoryview(view.obj).tolist() == [1, 2]
    del view
"""


def test_every_interpreter_has_its_own_exporters():
    pytest.importorskip("_testcapi")
    path = [one for one in sys.path if "site-packages" not in one]
    # In a process of its own: importing ctypes in a second interpreter replaces what the first one has cached.
    program = f"""if True:
        import sys, _testcapi
        sys.path[:] = {path!r}
        import ndferry
        for _ in range(2):
            assert _testcapi.run_in_subinterp({IN_A_SECOND_INTERPRETER.format(path=path)!r}) == 0
        assert ndferry.zeros(2).memoryview().tolist() == [0, 0]
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@since_3_12
def test_tensors_are_buffers():
    from collections.abc import Buffer

    tensor = ndferry.asarray([[1, 2], [3, 4]], "int32")
    assert isinstance(tensor, Buffer)
    view = memoryview(tensor)
    assert view.tolist() == [[1, 2], [3, 4]] and view.format == "i" and not view.readonly
    view[0, 0] = 9
    assert tensor.tolist() == [[9, 2], [3, 4]]
    assert struct.unpack("4i", tensor) == (9, 2, 3, 4)
    file = io.BytesIO()
    assert file.write(tensor) == 16 and file.getvalue() == tensor.tobytes()
    assert io.BytesIO(bytes(range(16))).readinto(tensor) == 16 and tensor.tobytes() == bytes(range(16))
    assert bytearray(tensor) == bytes(range(16)) and b"".join([tensor]) == bytes(range(16))
    assert np.frombuffer(tensor, "u1").tolist() == list(range(16))
    assert np.asarray(tensor).ctypes.data == tensor.data_ptr


@since_3_12
def test_consumers_that_need_what_a_tensor_has_not_are_refused():
    columns = ndferry.zeros((2, 3), "int32").T
    with pytest.raises(BufferError, match="C order"):
        io.BytesIO().write(columns)
    with pytest.raises(TypeError, match="read-write"):
        struct.pack_into("i", ndferry.zeros(2, "int32").as_read_only(), 0, 1)
    with pytest.raises(BufferError, match="bfloat16"):
        memoryview(ndferry.zeros(2, "bfloat16"))
    assert np.asarray(columns).shape == (3, 2)  # asks for strides


@since_3_12
def test_what_a_buffer_cannot_say_numpy_reads_by_its_own_protocol():
    for name in ("bfloat16", "M8[s]", "V4"):
        wanted = ndferry.zeros(3, name)
        assert np.asarray(wanted).dtype == wanted.dtype and np.asarray(wanted).ctypes.data == wanted.data_ptr
        file = io.BytesIO()
        assert file.write(wanted) == wanted.nbytes and file.getvalue() == wanted.tobytes()
    assert ndferry.zeros(3, "V4").memoryview().format == "4x"


def test_elements_without_a_format_are_shown_as_their_bytes():
    wanted = ndferry.asarray([[1, 2, 3], [4, 5, 6]], "bfloat16").copy()
    dates = ndferry.zeros(2, "M8[s]")
    for tensor in (wanted, wanted[0, 0], wanted.as_read_only(), wanted.T, wanted[:, ::-2], wanted[:0], dates):
        for flags in (c.NDF_BUFFER_SIMPLE, c.NDF_BUFFER_ND, c.NDF_BUFFER_STRIDES):
            if flags != c.NDF_BUFFER_STRIDES and not tensor.is_contiguous():
                continue
            view = lib.ndf_py_memoryview(tensor._handle, flags)
            assert (view.format, view.itemsize, view.shape) == ("B", 1, (*tensor.shape, tensor.itemsize))
            assert view.tobytes() == tensor.tobytes() and view.readonly == tensor.read_only
            assert ndferry.asarray(view).tobytes() == tensor.tobytes()
            assert np.asarray(view).tolist() == view.tolist()


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_float), ("n", ctypes.c_int64), ("tag", ctypes.c_char * 3)]


class Pixel(ctypes.BigEndianStructure):
    _pack_ = 1
    _fields_ = [("a", ctypes.c_uint8), ("b", ctypes.c_uint16)]


def exporters():
    grid = np.arange(24).reshape(2, 3, 4)
    yield from (b"abc", bytearray(b"abc"), memoryview(b"abcdef")[::-2], memoryview(bytearray(8))[4:], b"", bytearray())
    yield memoryview(bytes(24)).cast("i", (2, 3))
    yield memoryview(bytes(8)).cast("d", ())
    yield from (array.array(code, [1, 2, 3]) for code in "bBhHiIlLqQfd")
    yield array.array("d")
    yield mmap.mmap(-1, 4096)
    yield ((ctypes.c_int16 * 3) * 2)((1, 2, 3), (4, 5, 6))
    yield from (one(1) for one in (ctypes.c_double, ctypes.c_long, ctypes.c_ulonglong, ctypes.c_bool, ctypes.c_size_t))
    yield from ((ctypes.c_long * 2)(5, 6), (ctypes.c_float.__ctype_be__ * 2)(1, 2))
    if sys.version_info >= (3, 12):  # before, ctypes tells neither of gaps nor of what is packed
        yield from (Point(1, 2, b"abc"), (Point * 2)(), (Pixel * 2)())
    yield from (memoryview(grid), memoryview(grid.T), memoryview(grid[::-1, :, ::2]), memoryview(grid[:, 1:1]))
    yield from (memoryview(grid.astype(">i4")), memoryview(grid.astype("c16")), memoryview(np.zeros(3, "U2,f4")))
    frozen = np.arange(3.0)
    frozen.flags.writeable = False
    yield memoryview(frozen)
    yield memoryview(np.array(7.0))


@pytest.mark.parametrize("exporter", list(exporters()), ids=lambda one: f"{type(one).__name__} {memoryview(one).format}")
def test_every_exporter_is_shared_as_numpy_shares_it(exporter):
    tensor = ndferry.asarray(exporter, copy=False)
    wanted = np.asarray(memoryview(exporter))
    assert tensor.dtype == wanted.dtype and tensor.shape == wanted.shape and tensor.tobytes() == wanted.tobytes()
    assert tensor.read_only == memoryview(exporter).readonly == (not wanted.flags.writeable)
    if wanted.size:
        assert tensor.data_ptr == wanted.ctypes.data
    copy = ndferry.asarray(exporter, copy=True)
    assert copy.tobytes() == wanted.tobytes() and not copy.read_only
    assert not wanted.size or not copy.shares_memory(tensor)


def test_structs_of_ctypes_keep_their_fields_or_are_refused():
    pixels = (Pixel * 2)(Pixel(1, 2), Pixel(3, 4))
    points = (Point * 2)(Point(1, 2, b"abc"), Point(3, 4, b"d"))
    if sys.version_info < (3, 12):
        for wrongly_described in (pixels, points):
            with pytest.raises(ndferry.DTypeError, match="`itemsize` is .*, `format`"):
                ndferry.asarray(wrongly_described)
        return
    array_ = ndferry.asarray(pixels).numpy()
    assert array_["a"].tolist() == [1, 3] and array_["b"].tolist() == [2, 4] and array_["b"].dtype == ">u2"
    tensor = ndferry.asarray(points)
    assert [one.tolist() for one in (tensor.numpy()["x"], tensor.numpy()["n"])] == [[1, 3], [2, 4]]
    assert tensor.itemsize == ctypes.sizeof(Point)


def test_exporters_that_can_be_resized_are_held_until_the_last_use():
    for exporter, resize in (
        (bytearray(8), lambda one: one.extend(b"x")), (array.array("i", [1]), lambda one: one.append(2)),
        (mmap.mmap(-1, 4096), lambda one: one.close()), (io.BytesIO(b"abc"), lambda one: one.write(b"abcd")),
    ):  # fmt: skip
        part = ndferry.asarray(exporter.getbuffer() if isinstance(exporter, io.BytesIO) else exporter)[:1]
        gc.collect()
        with pytest.raises(BufferError):
            resize(exporter)
        del part
        resize(exporter)


def test_exporters_are_held_once_and_released_once():
    testbuffer = pytest.importorskip("_testbuffer")
    exporter = testbuffer.ndarray([1, 2, 3], shape=[3], format="i", flags=testbuffer.ND_VAREXPORT)
    count = sys.getrefcount(exporter)
    for _ in range(10):
        tensor = ndferry.asarray(exporter)
        held = sys.getrefcount(exporter) - count
        del tensor
    assert held == 1 and sys.getrefcount(exporter) == count
    exporter.push([7], shape=[1], format="i")  # only an exporter without exports may change


def test_buffers_that_a_tensor_cannot_be_are_refused():
    testbuffer = pytest.importorskip("_testbuffer")
    pointers = testbuffer.ndarray(list(range(6)), shape=[2, 3], format="i", flags=testbuffer.ND_PIL)
    with pytest.raises(BufferError, match="suboffsets"):
        ndferry.asarray(pointers)
    count = sys.getrefcount(pointers)
    for object_ in ((ctypes.py_object * 2)(), (ctypes.c_void_p * 2)(), (ctypes.c_longdouble * 2)()):
        with pytest.raises(ndferry.UnsupportedError, match="cannot be carried"):
            ndferry.asarray(object_)
    assert sys.getrefcount(pointers) == count


def test_strides_that_are_no_whole_elements_are_copied_or_refused():
    records = np.zeros(3, [("id", "i1"), ("v", "f8")])
    records["v"] = [1, 2, 3]
    view = memoryview(records["v"])
    assert ndferry.asarray(view).tolist() == [1, 2, 3]
    with pytest.raises(BufferError, match="`copy` forbids"):
        ndferry.asarray(view, copy=False)


def test_pyarrow_buffers_are_shared():
    pyarrow = pytest.importorskip("pyarrow")
    tensor = ndferry.asarray(pyarrow.py_buffer(b"abc"))
    assert tensor.tolist() == [97, 98, 99] and tensor.read_only


def test_pillow_reads_memoryviews():
    image = pytest.importorskip("PIL.Image")
    pixels = ndferry.asarray(np.arange(24, dtype="u1").reshape(2, 4, 3))
    picture = image.frombuffer("RGB", (4, 2), pixels.memoryview(), "raw", "RGB", 0, 1)
    assert ndferry.asarray(picture).equal(pixels)
