"""Objects that break one rule of an interchange protocol each, for the tests of `ndferry.inspect`."""

from __future__ import annotations

import ctypes
import warnings
from ctypes import POINTER, Structure, addressof, c_char_p, c_int, c_int64, c_ssize_t, c_uint, c_void_p, cast, py_object

import numpy as np
from ndferry import _declarations as c
from ndferry._inspect import _structs as s

_python = ctypes.PyDLL(None)
_new_capsule = _python["PyCapsule_New"]
_new_capsule.restype, _new_capsule.argtypes = py_object, [c_void_p, c_char_p, c_void_p]
_capsule_pointer = _python["PyCapsule_GetPointer"]
_capsule_pointer.restype, _capsule_pointer.argtypes = c_void_p, [c_void_p, c_char_p]
_capsule_name = _python["PyCapsule_GetName"]
_capsule_name.restype, _capsule_name.argtypes = c_char_p, [c_void_p]
_incref = _python["Py_IncRef"]
_incref.restype, _incref.argtypes = None, [py_object]

_DELETER = ctypes.PYFUNCTYPE(None, c_void_p)
_do_nothing = _DELETER(lambda _: None)
KEPT: list[object] = []  # what native structs point to


def _end(capsule: int) -> None:
    """The destructor of a capsule that was not taken."""
    name = _capsule_name(capsule)
    address = _capsule_pointer(capsule, name)
    if ending := _ENDINGS.pop(address, None):
        ending()


_ENDINGS: dict[int, object] = {}
_destructor = _DELETER(_end)


class Producer:
    """An honest producer of DLPack, any part of whose struct may be spoiled."""

    def __init__(self, *, device=(1, 0), shape=(2, 3), strides=(3, 1), flags=0, **spoilt):
        self.memory = (ctypes.c_float * 16)()
        self.device, self.shape, self.strides, self.flags, self.spoilt = device, shape, strides, flags, spoilt
        self.made = self.ended = 0

    def __dlpack_device__(self):
        return self.device

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if self.device[0] == 1 and stream is not None or stream == 0:
            raise ValueError("no stream")
        if dl_device not in (None, self.device):
            raise BufferError("another device")
        if max_version is None and self.flags & 1:
            raise BufferError("read-only")
        memory = type(self.memory)() if copy else self.memory
        return self.capsule(max_version is not None, memory, self.flags | (2 if copy else 0))

    def capsule(self, versioned=True, memory=None, flags=None):
        spoilt = self.spoilt
        struct = s.DLManagedTensorVersioned() if versioned else s.DLManagedTensor()
        tensor = struct.dl_tensor
        memory = self.memory if memory is None else memory
        tensor.data = spoilt.get("data", addressof(memory) if 0 not in self.shape else None)
        tensor.device_type, tensor.device_id = spoilt.get("struct_device", self.device)
        tensor.ndim = spoilt.get("ndim", len(self.shape))
        tensor.code, tensor.bits, tensor.lanes = spoilt.get("dtype", (2, 32, 1))
        tensor.byte_offset = spoilt.get("byte_offset", 0)
        shape = (c_int64 * len(self.shape))(*self.shape) if self.shape is not None else None
        strides = (c_int64 * len(self.strides))(*self.strides) if self.strides is not None else None
        tensor.shape = cast(shape, POINTER(c_int64)) if not spoilt.get("no_shape") else None
        tensor.strides = cast(strides, POINTER(c_int64)) if strides is not None else None
        struct.deleter = None if spoilt.get("no_deleter") else cast(_do_nothing, c_void_p).value
        if versioned:
            struct.major, struct.minor = spoilt.get("version", (1, 3))
            struct.flags = self.flags if flags is None else flags
        self.made += 1
        _ENDINGS[addressof(struct)] = lambda kept=(struct, shape, strides, memory): self.end(kept)
        name = spoilt.get("name", b"dltensor_versioned" if versioned else b"dltensor")
        return _new_capsule(
            addressof(struct), name, None if spoilt.get("no_destructor") else cast(_destructor, c_void_p)
        )

    def end(self, _):
        self.ended += 1


def producer(**methods) -> object:
    """A producer with other methods."""
    return type("Liar", (Producer,), methods)()


def _raise(error):
    raise error


class NoDevice:
    def __dlpack__(self, **keywords):
        return Producer().__dlpack__(**keywords)


class OldKeywords(Producer):
    def __dlpack__(self, *, stream=None):
        return self.capsule(False)


class StreamDefault(Producer):
    def __dlpack__(self, *, stream=-1, **keywords):
        return super().__dlpack__(**keywords)


class AnyStream(Producer):
    def __dlpack__(self, *, stream=None, **keywords):
        return super().__dlpack__(**keywords)


class LegacyOnly(Producer):
    def __dlpack__(self, *, max_version=None, **keywords):
        return super().__dlpack__(**keywords)


class VersionedOnly(Producer):
    def __dlpack__(self, *, max_version=None, **keywords):
        return super().__dlpack__(max_version=(1, 0), **keywords)


class CopyIgnored(Producer):
    def __dlpack__(self, *, copy=None, **keywords):
        return super().__dlpack__(**keywords)


class CopyRefused(Producer):
    def __dlpack__(self, *, copy=None, **keywords):
        return _raise(BufferError("no")) if copy else super().__dlpack__(**keywords)


class CopyForbidden(Producer):
    def __dlpack__(self, *, copy=None, **keywords):
        return super().__dlpack__(copy=True if copy is False else copy, **keywords)


class CopyUnsaid(Producer):
    def __dlpack__(self, *, copy=None, **keywords):
        return self.capsule(True, type(self.memory)()) if copy else super().__dlpack__(**keywords)


class OwnDeviceRefused(Producer):
    def __dlpack__(self, *, dl_device=None, **keywords):
        return _raise(BufferError("no")) if dl_device else super().__dlpack__(**keywords)


class DeviceIgnored(Producer):
    def __dlpack__(self, *, dl_device=None, **keywords):
        return super().__dlpack__(**keywords)


class LegacyReadOnly(Producer):
    def __dlpack__(self, *, max_version=None, **keywords):
        return super().__dlpack__(max_version=max_version or (1, 0), **keywords) if max_version else self.capsule(False)


class Interface:
    """An honest `__array_interface__`, and what else a test puts beside it."""

    def __init__(self, **spoilt):
        self.memory = np.arange(6, dtype="f4").reshape(2, 3)
        self.interface = dict(self.memory.__array_interface__) | spoilt

    @property
    def __array_interface__(self):
        return self.interface


class Cuda:
    """An honest `__cuda_array_interface__`."""

    def __init__(self, **spoilt):
        self.interface = {"shape": (2, 3), "typestr": "<f4", "data": (4096, False), "version": 3, "stream": 1} | spoilt

    @property
    def __cuda_array_interface__(self):
        return self.interface


def without(made, key: str):
    del made.interface[key]
    return made


class Struct:
    """An `__array_struct__` by hand."""

    def __init__(self, name=None, **spoilt):
        self.memory = np.arange(6, dtype="f4").reshape(2, 3)
        self.name = name
        self.shape, self.strides = (c_ssize_t * 2)(2, 3), (c_ssize_t * 2)(12, 4)
        self.struct = c.ndf_array_struct(
            two=2, nd=2, typekind=b"f", itemsize=4, flags=0x701, shape=self.shape, strides=self.strides,
            data=self.memory.ctypes.data,
        )  # fmt: skip
        for field, value in spoilt.items():
            setattr(self.struct, field, value)

    @property
    def __array_struct__(self):
        return _new_capsule(addressof(self.struct), self.name, None)


class FieldsLost(Struct):
    __array_interface__ = property(lambda self: np.zeros((2, 3), [("<x>", "f4")]).__array_interface__)


class Array:
    """An honest `__array__`."""

    def __init__(self):
        self.memory = np.arange(3.0)

    def __array__(self, dtype=None, copy=None):
        return np.array(self.memory, dtype=dtype, copy=copy)


class ArrayResult(Array):
    def __array__(self, dtype=None, copy=None):
        return [1, 2, 3]


class ArrayWithoutCopy(Array):
    def __array__(self, dtype=None):
        return np.asarray(self.memory, dtype)


class ArrayCopyIgnored(Array):
    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.memory, dtype)


class ArrayAlwaysCopies(Array):
    def __array__(self, dtype=None, copy=None):
        return np.array(self.memory, dtype)


class ArrayWithoutDtype(Array):
    def __array__(self, *, copy=None):
        return np.array(self.memory, copy=bool(copy))


class ArrayDtypeIgnored(Array):
    def __array__(self, dtype=None, copy=None):
        return np.array(self.memory, copy=bool(copy))


class ArrayCopies(Interface):
    def __array__(self, dtype=None, copy=None):
        return np.array(self.memory, dtype)


class AttributeRaises:
    @property
    def __array_interface__(self):
        raise RuntimeError("not now")


def two_doors(read_only=False, **spoilt):
    """A producer of DLPack with an array interface that says something else."""

    class TwoDoors(Producer):
        @property
        def __array_interface__(self):
            told = {"shape": (2, 3), "typestr": "<f4", "data": (addressof(self.memory), read_only), "version": 3}
            return told | spoilt

    return TwoDoors()


class OtherDevice(Producer):
    def __array__(self, dtype=None, copy=None):
        return np.ctypeslib.as_array(self.memory)[:6].reshape(2, 3)


# DLPack's table of C functions.

_FROM_OBJECT = ctypes.PYFUNCTYPE(c_int, py_object, POINTER(c_void_p))


def _from_object(obj, out):
    struct = s.DLManagedTensorVersioned()
    memory = (ctypes.c_float * 6)()
    shape = (c_int64 * 1)(6)
    struct.major, struct.minor, struct.deleter = 1, 3, cast(_do_nothing, c_void_p).value
    tensor = struct.dl_tensor
    tensor.data, tensor.device_type, tensor.ndim = addressof(memory), 1, 1
    tensor.code, tensor.bits, tensor.lanes = 2, 32, 1
    tensor.shape, tensor.strides = cast(shape, POINTER(c_int64)), cast((c_int64 * 1)(1), POINTER(c_int64))
    KEPT.extend([struct, memory, shape, tensor.strides])
    out[0] = addressof(struct)
    return 0


_from_object_native = _FROM_OBJECT(_from_object)


def table(name=b"dlpack_exchange_api", **spoilt):
    address = cast(_from_object_native, c_void_p).value
    made = s.DLPackExchangeAPI(1, 3, None, address, address, address, None, address)
    for field, value in spoilt.items():
        setattr(made, field, value)
    KEPT.append(made)
    return _new_capsule(addressof(made), name, None)


class _Refuses:
    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, **_):
        raise BufferError("it needs a gradient")


def with_table(base=object, **attributes):
    return type("WithTable", (base,), attributes)()


def _on_instance():
    made = type("OnInstance", (), {})()
    made.__dlpack_c_exchange_api__ = table()
    return made


# Buffers: a class of Python cannot lie about most fields, a native one can.


class _Slot(Structure):
    _fields_ = [("slot", c_int), ("function", c_void_p)]


class _Spec(Structure):
    _fields_ = [("name", c_char_p), ("size", c_int), ("item", c_int), ("flags", c_uint), ("slots", POINTER(_Slot))]


_GET = ctypes.PYFUNCTYPE(c_int, py_object, POINTER(c.ndf_buffer), c_int)
_from_spec = _python["PyType_FromSpec"]
_from_spec.restype, _from_spec.argtypes = py_object, [c_void_p]


class Buffer:
    """What a native exporter answers; `spoil` changes the answer to a request."""

    def __init__(self, spoil, shape=(2, 3), strides=(12, 4)):
        self.memory = (ctypes.c_float * 64)()
        self.shape, self.strides = (c_ssize_t * len(shape))(*shape), (c_ssize_t * len(shape))(*strides)
        self.spoil = spoil

    def get(self, obj, out, flags):
        view = out[0]
        _incref(obj)
        view.buf, view.obj, view.itemsize, view.readonly, view.ndim = addressof(self.memory), id(obj), 4, 0, 2
        view.len = 24
        view.format = b"f" if flags & 4 else None
        view.shape = self.shape if flags & 8 else None
        view.strides = self.strides if flags & 0x10 else None
        view.suboffsets = None
        self.spoil(self, view, flags)
        return 0


def exporter(spoil, **how) -> object:
    buffer = Buffer(spoil, **how)
    get = _GET(buffer.get)
    slots = (_Slot * 2)((1, cast(get, c_void_p)), (0, None))  # Py_bf_getbuffer
    spec = _Spec(b"liars.Exporter", 0, 0, 1 << 18, slots)  # Py_TPFLAGS_DEFAULT
    KEPT.extend([buffer, get, slots, spec])
    return _from_spec(addressof(spec))()


def _set(**fields):
    def spoil(buffer, view, flags):
        for name, value in fields.items():
            setattr(view, name, value)

    return spoil


def _read_only_where_not_asked(buffer, view, flags):
    view.readonly = 0 if flags & 0x100 else 1


def _moving(buffer, view, flags):
    view.buf = addressof(buffer.memory) + (flags & 0x8)


def _suboffsets(buffer, view, flags):
    view.suboffsets = (c_ssize_t * 2)(-1, -1)
    KEPT.append(view.suboffsets)


def _no_owner(buffer, view, flags):
    view.obj = None


def _negative(array):
    array.is_neg = lambda: True
    return array


class _Arrow:
    def __arrow_c_array__(self, requested_schema=None):
        return _new_capsule(1, b"schema", None), _new_capsule(1, b"array", None)


warnings.filterwarnings("ignore", message="__array__ implementation doesn't accept")

LIARS = {
    "attribute-error": AttributeRaises,
    "pointer-differs": lambda: two_doors(data=(4096, False)),
    "shape-differs": lambda: two_doors(shape=(3, 2)),
    "strides-differ": lambda: two_doors(strides=(4, 8)),
    "dtype-differs": lambda: two_doors(typestr="<i4"),
    "device-differs": lambda: OtherDevice(device=(13, 0)),
    "read-only-differs": lambda: two_doors(read_only=True),
    "dtype-lost": lambda: two_doors(typestr="|V4"),
    "dlpack-device-missing": NoDevice,
    "dlpack-device-result": lambda: producer(__dlpack_device__=lambda self: "cpu"),
    "dlpack-device-mismatch": lambda: Producer(struct_device=(1, 5)),
    "dlpack-keywords": OldKeywords,
    "dlpack-stream-default": StreamDefault,
    "dlpack-stream-accepted": AnyStream,
    "dlpack-stream-zero": lambda: AnyStream(device=(2, 0)),
    "dlpack-type-error": lambda: producer(
        __dlpack__=lambda self, **_: _raise(TypeError("this dtype is not supported"))
    ),
    "dlpack-refusal-class": lambda: producer(__dlpack__=lambda self, **_: _raise(RuntimeError("no"))),
    "dlpack-legacy-only": LegacyOnly,
    "dlpack-versioned-unasked": VersionedOnly,
    "dlpack-copy-ignored": CopyIgnored,
    "dlpack-copy-refused": CopyRefused,
    "dlpack-copy-forbidden": CopyForbidden,
    "dlpack-is-copied-missing": CopyUnsaid,
    "dlpack-own-device-refused": OwnDeviceRefused,
    "dlpack-device-ignored": DeviceIgnored,
    "dlpack-lazy-negative": lambda: _negative(Producer()),
    "dlpack-legacy-read-only": lambda: LegacyReadOnly(flags=1),
    "dlpack-not-capsule": lambda: producer(__dlpack__=lambda self, **_: 3),
    "dlpack-capsule-name": lambda: Producer(name=b"used_dltensor"),
    "dlpack-capsule-destructor": lambda: Producer(no_destructor=True),
    "dlpack-version": lambda: Producer(version=(2, 0)),
    "dlpack-flags": lambda: Producer(flags=1 << 40),
    "dlpack-deleter-null": lambda: Producer(no_deleter=True),
    "dlpack-ndim": lambda: Producer(ndim=-1),
    "dlpack-shape": lambda: Producer(no_shape=True),
    "dlpack-strides-null": lambda: Producer(strides=None),
    "dlpack-dtype": lambda: Producer(dtype=(2, 32, 0)),
    "dlpack-data-null": lambda: Producer(data=None),
    "dlpack-empty-data": lambda: Producer(shape=(0, 3), data=4096),
    "dlpack-byte-offset": lambda: Producer(byte_offset=4),
    "dlpack-unaligned": lambda: Producer(byte_offset=1),
    "dlpack-unsupported": lambda: Producer(ndim=65),
    "exchange-on-instance": _on_instance,
    "exchange-capsule-name": lambda: with_table(__dlpack_c_exchange_api__=table(name=b"other")),
    "exchange-version": lambda: with_table(__dlpack_c_exchange_api__=table(major=2)),
    "exchange-function-null": lambda: with_table(__dlpack_c_exchange_api__=table(current_work_stream=None)),
    "exchange-old-name": lambda: with_table(__c_dlpack_exchange_api__=4096),
    "exchange-unchecked": lambda: with_table(_Refuses, __dlpack_c_exchange_api__=table()),
    "interface-dict": lambda: with_table(__array_interface__=[]),
    "interface-keys": lambda: without(Interface(), "version"),
    "interface-version": lambda: Interface(version=2),
    "interface-shape": lambda: Interface(shape=[2, 3]),
    "interface-typestr": lambda: Interface(typestr="float 32"),
    "interface-strides": lambda: Interface(strides=(4,)),
    "interface-data": lambda: Interface(data=(4096,)),
    "interface-data-null": lambda: Interface(data=(0, False)),
    "interface-descr": lambda: Interface(typestr="|V4", descr=[("x", "<f8")]),
    "interface-bounds": lambda: Interface(data=bytearray(24), offset=4),
    "interface-offset": lambda: Interface(offset=4),
    "interface-mask": lambda: Interface(mask=Interface()),
    "struct-capsule": lambda: Struct(name=b"array"),
    "struct-two": lambda: Struct(two=3),
    "struct-shape": lambda: Struct(strides=None),
    "struct-flags": lambda: Struct(flags=0x702),
    "struct-descr": lambda: Struct(flags=0xF01),
    "struct-fields-lost": FieldsLost,
    "array-result": ArrayResult,
    "array-copy-keyword": ArrayWithoutCopy,
    "array-copy-ignored": ArrayCopyIgnored,
    "array-copy-false": ArrayAlwaysCopies,
    "array-dtype-argument": ArrayWithoutDtype,
    "array-dtype-ignored": ArrayDtypeIgnored,
    "array-copies": ArrayCopies,
    "buffer-refusal-class": lambda: np.zeros((2, 3)),
    "buffer-writable": lambda: exporter(_set(readonly=1)),
    "buffer-readonly-varies": lambda: exporter(_read_only_where_not_asked),
    "buffer-contiguity": lambda: exporter(_set(), strides=(24, 8)),
    "buffer-unasked": lambda: exporter(_set(format=b"f")),
    "buffer-len": lambda: exporter(_set(len=6)),
    "buffer-itemsize": lambda: exporter(_set(format=b"d")),
    "buffer-shape": lambda: exporter(_set(ndim=-1)),
    "buffer-suboffsets": lambda: exporter(_suboffsets),
    "buffer-owner": lambda: exporter(_no_owner),
    "buffer-moves": lambda: exporter(_moving),
    "cuda-dict": lambda: without(Cuda(), "version"),
    "cuda-fields": lambda: Cuda(shape=[2, 3]),
    "cuda-version": lambda: Cuda(version=2),
    "cuda-stream-zero": lambda: Cuda(stream=0),
    "cuda-empty-data": lambda: Cuda(shape=(0, 3)),
    "cuda-strides": lambda: Cuda(strides=(12, 4)),
    "cuda-mask": lambda: Cuda(mask=Cuda()),
    "arrow-capsule-name": _Arrow,
}
