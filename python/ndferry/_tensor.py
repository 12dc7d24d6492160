"""The tensor: an immutable description of strided, typed memory."""

from __future__ import annotations

from ctypes import byref, c_double, c_int32, c_int64, c_void_p, py_object, sizeof

from . import _declarations as c
from . import _elements, _index, _stream
from ._device import Device, device as to_device, optional
from ._dispatch import Dispatch
from ._dtype import DType, dtype
from ._errors import NdferryError, UnsupportedError
from ._library import CASTINGS, COPIES, ORDERS, OVERFLOWS, array, check, choice, lib, native, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType
    from typing import Any, ClassVar

    import numpy
    from typing_extensions import CapsuleType  # type checkers bring it along

    NativeTensor = object
else:
    NativeTensor = native.NativeTensor

_memoryview = memoryview  # in the class that name is a method

def make(function: Callable[..., int], *arguments: object) -> Tensor:
    """Calls a function whose last parameter is where it writes a new handle."""
    handle = c_void_p()
    check(function(*arguments, byref(handle)))
    return adopt(handle.value)


def _run(function: Callable[..., int], *arguments: Any, options: Any, progress: Any) -> None:
    """Calls a function that has `options`, among other arguments, and that may tell how far it is."""
    if progress is None:
        check(function(*arguments))
        return
    from ._progress import watched

    watched(options, progress, lambda: function(*arguments))


def extents(shape: int | Sequence[int], name: str = "shape") -> tuple[int, Any]:
    """A shape or strides as C wants them: how many, and the numbers. One number stands for one axis."""
    numbers = [_index.fitting(one) for one in _index.integers(shape, name)]
    return len(numbers), array(c_int64, numbers)


def _axes(axes: int | Sequence[int]) -> tuple[int, Any]:
    numbers = [_index.axis(one) for one in _index.integers(axes, "axes")]
    return len(numbers), array(c_int32, numbers)


def _numbers(values: Any, name: str) -> tuple[int, Any]:
    """Factors or summands as C wants them. An array without axes is a number."""
    if values is None:
        return 0, None
    is_number = hasattr(values, "__float__") and (not hasattr(values, "__len__") or getattr(values, "ndim", 1) == 0)
    try:
        if isinstance(values, (str, bytes)):  # whose characters would be taken for numbers
            raise TypeError
        numbers = [float(one) for one in ((values,) if is_number else values)]
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` is {values!r}, it must be a number, or numbers along one axis") from None
    return len(numbers), array(c_double, numbers)


def convert_options(
    *,
    scale: float | Sequence[float] | None = None,
    bias: float | Sequence[float] | None = None,
    axis: int = 0,
    casting: str = "unsafe",
    overflow: str = "wrap",
    copy: bool | None = None,
    order: str = "C",
    device: object = None,
    stream: Any = None,
) -> Any:
    """The C struct."""
    scale_count, scales = _numbers(scale, "scale")
    bias_count, biases = _numbers(bias, "bias")
    options = c.ndf_convert_options(
        casting=choice(casting, "casting", CASTINGS),
        overflow=choice(overflow, "overflow", OVERFLOWS),
        copy=choice(copy, "copy", COPIES),
        order=choice(order, "order", ORDERS),
        axis=_index.axis(axis),
        device=optional(device),
        stream=_stream.number(stream),
        scale_count=scale_count,
        scale=scales,
        bias_count=bias_count,
        bias=biases,
    )
    options.struct_size = sizeof(options)
    return options


class Tensor(Dispatch, NativeTensor):
    """Strided, typed memory that other libraries can use without copying.

    Make one with `ndferry.asarray`, `from_dlpack`, `empty`, `zeros`, `full`, `wrap` or `from_handle`. A tensor never
    changes its shape, strides or type; its elements may change, unless it is read-only. Views share memory and keep it
    alive. `a.equal(b)` compares two tensors as wholes.

    >>> image = ndferry.asarray([[1, 2, 3], [4, 5, 6]])
    >>> image.shape, image.strides, image.dtype
    ((2, 3), (3, 1), ndferry.dtype('int64'))
    >>> turned = image.permute(1, 0).flip(1)         # a view: no bytes move
    >>> turned.tolist(), turned.shares_memory(image)
    ([[4, 1], [5, 2], [6, 3]], True)
    >>> image[:, 1] = 0                              # views by Python's indices, and assignment
    >>> image.select(0, 1).tolist(), image.slice(1, 0, None, 2).tolist()
    ([4, 0, 6], [[1, 3], [4, 6]])
    >>> image.convert("float16", scale=1 / 4, bias=1).tolist()
    [[1.25, 1.0, 1.75], [2.0, 1.0, 2.5]]
    >>> image.copy_into(sink := ndferry.zeros((2, 3), "uint8"), casting="unsafe")
    >>> sink.equal(image), sink.tobytes()
    (True, b'\\x01\\x00\\x03\\x04\\x00\\x06')
    >>> memoryview(image).shape, image.T.is_contiguous("F")
    ((2, 3), True)
    """

    __slots__ = ()

    # Native code holds the `ndf_tensor`, says what it is, and exports it; `__new__` refuses.
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: DType
    ndim: int
    size: int
    nbytes: int
    read_only: bool
    data_ptr: int
    bit_offset: int
    handle: int
    _handle: int
    _adopt: ClassVar[Callable[[int | None], Tensor]]
    if TYPE_CHECKING:  # as the protocols of type checkers have them

        def __dlpack__(
            self,
            *,
            stream: Any = None,
            max_version: tuple[int, int] | None = None,
            dl_device: tuple[int, int] | None = None,
            copy: bool | None = None,
        ) -> CapsuleType: ...
        def __dlpack_device__(self) -> tuple[int, int]: ...
        def __buffer__(self, flags: int, /) -> _memoryview: ...

    # Native code takes and makes tensors through this table, without calling `__dlpack__`.
    __dlpack_c_exchange_api__: ClassVar[object] = native.exchange_api

    # What it is.

    @property
    def byte_strides(self) -> tuple[int, ...]:
        """The strides in bytes, as in NumPy. Types whose elements share bytes have none."""
        if self.dtype.is_packed:
            raise UnsupportedError(f"{self.dtype} elements share bytes, so their strides are no whole bytes")
        itemsize = self.itemsize
        return tuple(stride * itemsize for stride in self.strides)

    @property
    def device(self) -> Device:
        """Where the elements lie."""
        return Device(*self.__dlpack_device__())

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def is_contiguous(self, order: str = "C") -> bool:
        """Whether the elements lie in `order` ("C" or "F") without gaps."""
        return lib.ndf_tensor_is_contiguous(self._handle, choice(order, "order", ORDERS))

    def shares_memory(self, other: Tensor) -> bool:
        """Whether some byte belongs to an element of both tensors."""
        return lib.ndf_tensor_shares_memory(self._handle, _other(other)._handle)

    def wait(self, stream: Any = None) -> None:
        """What is enqueued on `stream` from now on begins after all work that ndferry knows to use the memory."""
        check(lib.ndf_tensor_wait(self._handle, _stream.number(stream)))

    def record(self, stream: Any = None) -> None:
        """What was enqueued on `stream` so far uses the memory: others wait for it, and so does its end."""
        check(lib.ndf_tensor_record(self._handle, _stream.number(stream)))

    def equal(self, other: Tensor, *, stream: Any = None) -> bool:
        """Whether both have the same shape and equal elements, as numbers whatever their types; NaN equals nothing. CUDA
        compares in the order of `stream`, as `convert`, and is waited for."""
        answer = c_int32()
        check(lib.ndf_tensor_equal_on(self._handle, _other(other)._handle, _stream.number(stream), byref(answer)))
        return bool(answer.value)

    def __repr__(self) -> str:
        return _elements.describe(self)

    def _repr_html_(self) -> str:
        from ._picture import html

        return html(self)

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of a tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("iteration over a tensor without axes")
        return (self.select(0, i) for i in range(len(self)))

    # Its elements in Python.

    def item(self) -> Any:
        """The only element as a Python number."""
        return _elements.item(self, "item()")

    def tolist(self) -> Any:
        """The elements as Python numbers in nested lists; the number itself without axes."""
        return _elements.tolist(self)

    def tobytes(self) -> bytes:
        """A copy of the elements' bytes in C order."""
        return _elements.tobytes(self)

    def __bytes__(self) -> bytes:
        return _elements.tobytes(self)

    def __format__(self, spec: str) -> str:
        # As in NumPy, a tensor without axes is formatted as its number.
        return format(self.item(), spec) if spec and not self.ndim else object.__format__(self, spec)

    def __bool__(self) -> bool:
        if self.size != 1:
            how = "use .equal(), numpy.any() or numpy.all()"
            raise ValueError(f"bool() needs exactly one element, the tensor has {self.size}: {how}")
        return bool(self.item())

    def __float__(self) -> float:
        return float(_elements.item(self, "float()"))

    def __complex__(self) -> complex:
        return complex(_elements.item(self, "complex()"))

    def __int__(self) -> int:
        return int(_elements.item(self, "int()"))

    def __index__(self) -> int:
        value = self.item() if not self.ndim else None
        if type(value) is not int:
            raise TypeError("only an integer tensor without axes can be used as an index")
        return value

    def __getitem__(self, key: object) -> Tensor:
        """A view: by integers, slices, None for a new axis, and ... for the axes not named."""
        return _index.view(self, key)

    def __setitem__(self, key: object, value: object) -> None:
        self[key]._assign(value)

    def _assign(self, value: object) -> None:
        from ._create import asarray

        if isinstance(value, _elements.NUMBERS):
            self.fill(value)
            return
        source = value if isinstance(value, Tensor) else asarray(value)
        if source.dtype.kind == "c" and self.dtype.kind in ("i", "u", "f"):
            how = "to drop them, use copy_from with casting='unsafe'"
            raise TypeError(f"`value` is {source.dtype}, {self.dtype} has no imaginary parts: {how}")
        self.copy_from(source, casting="unsafe")

    def fill(self, value: Any, *, stream: Any = None) -> None:
        """Makes all elements `value`, a number. CUDA works in the order of `stream`, as in `convert`."""
        struct, scalar = _elements.scalar(value, self.dtype)
        check(lib.ndf_tensor_fill_on(self._handle, struct, byref(scalar), _stream.number(stream)))

    def copy_from(
        self,
        source: Tensor,
        *,
        scale: float | Sequence[float] | None = None,
        bias: float | Sequence[float] | None = None,
        axis: int = 0,
        casting: str = "same_kind",
        overflow: str = "wrap",
        device: object = None,
        stream: Any = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        """Writes the elements of `source`, broadcast and converted, into this tensor; `convert` says how. When the two
        overlap, the result is as if `source` had been copied first. What `progress` stops is written in part. From one
        device to another only where `device` says so, which is then that of this tensor."""
        options = convert_options(
            scale=scale, bias=bias, axis=axis, casting=casting, overflow=overflow, device=device, stream=stream
        )
        options.copy = c.NDF_COPY_DEFAULT
        _run(lib.ndf_tensor_copy_into, _other(source)._handle, self._handle, byref(options), options=options, progress=progress)

    def copy_into(self, destination: Tensor, **how: Any) -> None:
        """`destination.copy_from(self)`, with the same options."""
        _other(destination).copy_from(self, **how)

    # Views.

    @property
    def T(self) -> Tensor:
        """The order of the axes reversed."""
        return self.transpose()

    def transpose(self, *axes: int | Sequence[int]) -> Tensor:
        """The order of the axes reversed; with axes the same as `permute`, as in NumPy, which xarray calls."""
        if axes and axes[0] is not None:
            return self.permute(*axes)
        return make(lib.ndf_tensor_transpose, self._handle)

    def permute(self, *axes: int | Sequence[int]) -> Tensor:
        """The axes in another order: axis i is axis axes[i] of this tensor."""
        return make(lib.ndf_tensor_permute, self._handle, *_axes(_flat(axes)))

    def swap_axes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes exchanged."""
        return make(lib.ndf_tensor_swap_axes, self._handle, _index.axis(axis1), _index.axis(axis2))

    def select(self, axis: int, index: int) -> Tensor:
        """The elements at one index along an axis, which disappears."""
        return make(lib.ndf_tensor_select, self._handle, _index.axis(axis), _index.integer(index))

    def slice(self, axis: int, start: int | None = None, stop: int | None = None, step: int | None = None) -> Tensor:
        """The elements that Python's slice `[start:stop:step]` takes along one axis."""
        bounds = _index.bounds(start, stop, step)
        return make(lib.ndf_tensor_slice, self._handle, _index.axis(axis), *bounds)

    def flip(self, axis: int | Sequence[int] | None = None) -> Tensor:
        """Reversed along one axis, several, or all."""
        if axis is None:
            return make(lib.ndf_tensor_flip, self._handle, c.NDF_ALL_AXES, None)
        return make(lib.ndf_tensor_flip, self._handle, *_axes(axis))

    def squeeze(self, axis: int | Sequence[int] | None = None) -> Tensor:
        """Without one axis of extent 1, several, or all of them."""
        if axis is None:
            return make(lib.ndf_tensor_squeeze, self._handle, c.NDF_ALL_AXES, None)
        count, axes = _axes(axis)
        return make(lib.ndf_tensor_squeeze, self._handle, count, axes)

    def unsqueeze(self, axis: int) -> Tensor:
        """With a new axis of extent 1 there."""
        return make(lib.ndf_tensor_unsqueeze, self._handle, _index.axis(axis))

    def reshape(self, *shape: int | Sequence[int]) -> Tensor:
        """The same elements under another shape, in which one extent may be -1; fails where that needs a copy."""
        return make(lib.ndf_tensor_reshape, self._handle, *extents(_flat(shape)))

    def broadcast_to(self, *shape: int | Sequence[int]) -> Tensor:
        """Repeated to a larger shape without copying; read-only where one element stands for several."""
        return make(lib.ndf_tensor_broadcast, self._handle, *extents(_flat(shape)))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """A diagonal of the planes that two axes span, as a last axis in their place."""
        where = _index.integer(offset), _index.axis(axis1), _index.axis(axis2)
        return make(lib.ndf_tensor_diagonal, self._handle, *where)

    def sliding_window(self, axis: int, window: int, step: int = 1) -> Tensor:
        """Every window along an axis, its elements as a new last axis; read-only where windows share elements."""
        how = _index.axis(axis), _index.integer(window), _index.integer(step)
        return make(lib.ndf_tensor_sliding_window, self._handle, *how)

    def view(self, dtype_: object) -> Tensor:
        """The same bytes as elements of another type. The last axis takes a difference in size."""
        return make(lib.ndf_tensor_reinterpret, self._handle, dtype(dtype_)._struct)

    def as_strided(self, shape: int | Sequence[int], strides: int | Sequence[int], offset: int = 0) -> Tensor:
        """Any shape and strides over the whole memory, in elements; `offset` counts from its start. Every element is
        proved to lie inside."""
        count, numbers = extents(shape)
        stride_count, steps = extents(strides, "strides")
        if count != stride_count:
            raise ValueError(f"`strides` has {stride_count} entries, `shape` has {count}")
        return make(lib.ndf_tensor_as_strided, self._handle, count, numbers, steps, _index.integer(offset))

    def as_read_only(self) -> Tensor:
        """A view through which nothing may be written."""
        return make(lib.ndf_tensor_as_read_only, self._handle)

    # Conversion.

    def convert(
        self,
        dtype_: object = None,
        *,
        scale: float | Sequence[float] | None = None,
        bias: float | Sequence[float] | None = None,
        axis: int = 0,
        casting: str = "unsafe",
        overflow: str = "wrap",
        copy: bool | None = None,
        order: str = "C",
        device: object = None,
        stream: Any = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Tensor:
        """Another dtype, memory order ("C", "F", "K" for keep), scale or device, in one pass over the memory.

        An element x becomes x · scale + bias; both are one number, or one for each index along `axis`. `casting` is
        NumPy's, `overflow` is "wrap" as in NumPy or "saturate". `copy` False shares the memory or fails, None shares
        it when nothing is to be done, True copies. `progress` is called now and then with the bytes that are done and
        those that are to be done; the conversion stops when it returns False (`CancelledError`) or raises. CUDA works in
        the order of `stream`: an integer, any library's stream, or None for the legacy default one.
        """
        options = convert_options(
            scale=scale, bias=bias, axis=axis, casting=casting, overflow=overflow, copy=copy, order=order, device=device,
            stream=stream,
        )  # fmt: skip
        struct = c.ndf_dtype() if dtype_ is None else dtype(dtype_)._struct
        handle = c_void_p()
        try:
            _run(lib.ndf_tensor_convert, self._handle, struct, byref(options), byref(handle), options=options, progress=progress)
        except BaseException:
            lib.ndf_tensor_release(handle)  # an interrupt may come when the conversion is over
            raise
        return adopt(handle.value)

    def explain_convert(
        self,
        dtype_: object = None,
        *,
        into: Tensor | None = None,
        scale: float | Sequence[float] | None = None,
        bias: float | Sequence[float] | None = None,
        axis: int = 0,
        casting: str | None = None,
        overflow: str = "wrap",
        copy: bool | None = None,
        order: str = "C",
        device: object = None,
    ) -> str:
        """What `convert` would do, or `copy_into` with a destination `into`, in a few lines and without doing it.

        They show the loops, how far each turn moves on either side, and what is used for them; docs/engine.md says how to
        read them. What the conversion refuses is refused here, too.
        """
        rule = ("unsafe" if into is None else "same_kind") if casting is None else casting
        options = convert_options(
            scale=scale, bias=bias, axis=axis, casting=rule, overflow=overflow, copy=copy, order=order, device=device
        )
        struct = c.ndf_dtype() if dtype_ is None else dtype(dtype_)._struct
        destination = None if into is None else _other(into)._handle
        return text(lib.ndf_plan_format, self._handle, destination, struct, byref(options))

    def cast(self, dtype_: object, casting: str = "unsafe") -> Tensor:
        """Another dtype, the memory order kept; the same memory if it has that type."""
        rule = choice(casting, "casting", CASTINGS)
        return make(lib.ndf_tensor_cast, self._handle, dtype(dtype_)._struct, rule)

    def contiguous(self, order: str = "C") -> Tensor:
        """The elements in `order` without gaps; the same memory if they are."""
        return make(lib.ndf_tensor_contiguous, self._handle, choice(order, "order", ORDERS))

    def copy(self, order: str = "C") -> Tensor:
        """A copy on new memory."""
        return make(lib.ndf_tensor_copy, self._handle, choice(order, "order", ORDERS))

    def to_device(self, device: object, /, *, stream: Any = None) -> Tensor:
        """The tensor on a device; the same memory if it is there. CUDA copies in the order of `stream`, as `convert`."""
        if stream is None:
            return make(lib.ndf_tensor_to_device, self._handle, optional(device))
        if _stream.STREAMED.isdisjoint({self.device.device_type, to_device(device).device_type}):
            raise ValueError(f"`stream` is {stream!r}: no stream copies from {self.device} to {device}")
        return self.convert(order="K", device=device, stream=stream)

    # Interchange.

    def to(self, consumer: str | ModuleType, *, copy: bool | None = None, allow_writable: bool = False) -> Any:
        """An array of another library: "torch", "jax", "numpy" and the like, or the module itself.

        It is on the same memory where that library takes such memory, else on the smallest copy that it takes; `explain`
        says which. `copy` False refuses to copy, True always copies. Read-only elements are copied for a library that would
        let them be written, unless `allow_writable` says that they may.
        """
        from ._handover import to

        return to(self, consumer, copy, allow_writable)

    def explain(self, consumer: str | ModuleType, *, copy: bool | None = None, allow_writable: bool = False) -> str:
        """What `to` would do and why, in one line, without doing it."""
        from ._handover import explain

        return explain(self, consumer, copy, allow_writable)

    def memoryview(self) -> _memoryview:
        """A memoryview of the elements, which keeps the memory alive by itself. A tensor is a buffer, too; this one
        also shows bytes without a type. Types without a format (bfloat16, float8, dates) have none: view them as
        integers first."""
        view: memoryview = lib.ndf_py_memoryview(self._handle, c.NDF_BUFFER_FULL_RO)
        return view

    @property
    def __array_interface__(self) -> dict[str, Any]:
        from ast import literal_eval

        try:
            fields: dict[str, Any] = literal_eval(text(lib.ndf_tensor_array_interface, self._handle))
            return fields
        except NdferryError as error:
            # Whoever looks for protocols with `hasattr` must not find this one.
            raise AttributeError(f"__array_interface__: {error}") from None

    @property
    def __array_struct__(self) -> object:
        if self.dtype.kind in _elements.WITHOUT_STRUCT:
            raise AttributeError(f"__array_struct__: {self.dtype} is shown through __array_interface__ only")
        descr = py_object(self.dtype._exact_descr) if self.dtype.is_structured else py_object()
        try:
            return lib.ndf_py_array_struct_capsule(self._handle, descr)
        except BufferError as error:
            raise AttributeError(f"__array_struct__: {error}") from None

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        from ._cuda_array import interface

        return interface(self)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        from ._arrow import to_capsules

        return to_capsules(self)

    def __arrow_c_schema__(self) -> object:
        return lib.ndf_py_arrow_schema_capsule(self._handle)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> numpy.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"`copy` forbids the copy that {self.dtype} to {dtype} needs")
            return array.astype(dtype)
        return array.copy(order="K") if copy else array

    def numpy(self, *, subclass: bool = False) -> numpy.ndarray[Any, Any]:
        """A NumPy array on the same memory, an `ndferry.ndarray` if `subclass` says so. bfloat16, float8 and the like
        need ml_dtypes."""
        if subclass:
            from ._ndarray import ndarray

            return ndarray(self)
        return _elements.to_numpy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickles and deep copies are writable copies of the elements in C order."""
        return _elements.from_bytes, (self.tobytes(), self.dtype, self.shape)

    def __reduce_ex__(self, protocol: int, /) -> tuple[Any, ...]:  # type: ignore[override]
        """From protocol 5 on the elements may go out of band. What comes back is on the memory of the buffers given to
        `pickle.loads`, read-only if they are."""
        return _elements.pickled(self) if protocol >= 5 else self.__reduce__()


adopt = Tensor._adopt  # the tensor for a handle, one reference of which it takes over


def _other(value: Tensor) -> Tensor:
    if not isinstance(value, Tensor):
        raise TypeError(f"a Tensor is needed, not {type(value).__name__}: ndferry.asarray makes one")
    return value


def _flat(arguments: tuple[Any, ...]) -> Any:
    """f(2, 3) and f((2, 3)) mean the same."""
    return arguments[0] if len(arguments) == 1 else arguments
