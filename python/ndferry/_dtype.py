"""Element types."""

from __future__ import annotations

import sys
from ctypes import byref

from . import _declarations as c
from ._errors import DTypeError
from ._library import CASTINGS, check, choice, lib, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy

_PYTHON_TYPES = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}
_FLOAT_CODES = {c.NDF_CODE_FLOAT, c.NDF_CODE_BFLOAT, *range(c.NDF_CODE_FLOAT8_E3M4, c.NDF_CODE_FLOAT4_E2M1FN + 1)}


class DType:
    """The type of one element. Equal types are one object; it is also equal to its names ("float32", "<f4") and to
    NumPy's dtype, which hash otherwise, as in NumPy.

    >>> brain = ndferry.dtype("bfloat16")
    >>> brain.itemsize, brain.kind, brain.is_convertible
    (2, 'f', True)
    >>> ndferry.float32 == "<f4"
    True
    """

    __slots__ = ("_struct", "_descr", "_numpy", "name")

    _struct: c.ndf_dtype
    _descr: list[tuple[Any, ...]]
    _numpy: numpy.dtype[Any]
    name: str
    """NumPy's name ("float32", ">f4", "datetime64[ns]"), or ml_dtypes' ("bfloat16")."""

    def __new__(cls, of: object) -> DType:
        """The same as `ndferry.dtype(of)`."""
        return dtype(of)

    @property
    def itemsize(self) -> int:
        """Bytes that hold one element; for packed types (4-bit integers) the whole bytes that hold one."""
        return lib.ndf_dtype_item_size(self._struct)

    @property
    def code(self) -> int:
        """DLPack's type code; 3 (opaque) for NumPy's other types."""
        code: int = self._struct.code
        return code

    @property
    def bits(self) -> int:
        """Bits of one scalar; 0 for NumPy's other types."""
        bits: int = self._struct.bits
        return bits

    @property
    def lanes(self) -> int:
        """Scalars in one element; 1 except for vector types."""
        lanes: int = self._struct.lanes
        return lanes

    @property
    def kind(self) -> str:
        """NumPy's type character: b, i, u, f, c, S, U, V, M or m; f for narrow floats too, V for unknown codes."""
        if self._struct.kind:
            return chr(self._struct.kind)
        if self.code in _FLOAT_CODES:
            return "f"
        codes = {c.NDF_CODE_BOOL: "b", c.NDF_CODE_INT: "i", c.NDF_CODE_UINT: "u", c.NDF_CODE_COMPLEX: "c"}
        return codes.get(self.code, "V")

    @property
    def char(self) -> str:
        """NumPy's code letter ("f" for float32), which Dask and SciPy read."""
        char: str = self.__numpy_dtype__.char
        return char

    @property
    def type(self) -> Any:
        """NumPy's class of one element (`numpy.float32`), which Dask reads."""
        return self.__numpy_dtype__.type

    @property
    def is_swapped(self) -> bool:
        """Whether the bytes are in the order that this machine does not use."""
        return bool(self._struct.flags & c.NDF_DTYPE_SWAPPED)

    @property
    def is_packed(self) -> bool:
        """Whether elements narrower than a byte share their bytes."""
        bits = self.bits * self.lanes
        return not self._struct.kind and bits % 8 != 0 and not self._struct.flags & c.NDF_DTYPE_PADDED

    @property
    def is_structured(self) -> bool:
        """Whether the type has fields."""
        return self.name.startswith(("[", "{"))

    @property
    def is_convertible(self) -> bool:
        """Whether ndferry converts elements of this type; others are carried untouched."""
        return lib.ndf_dtype_is_convertible(self._struct)

    @property
    def typestr(self) -> str:
        """The array interface's word: "<f4"; types that NumPy does not have are "|V" and their size."""
        return text(lib.ndf_dtype_format, self._struct, c.NDF_DTYPE_STYLE_TYPESTR)

    @property
    def descr(self) -> list[tuple[Any, ...]]:
        """The array interface's description of the fields: [("", "<f4")], [("x", "<f4"), ("y", "<i8")]."""
        try:
            return self._descr
        except AttributeError:
            from ast import literal_eval

            self._descr = literal_eval(text(lib.ndf_dtype_format, self._struct, c.NDF_DTYPE_STYLE_DESCR))
            return self._descr

    @property
    def _exact_descr(self) -> Any:
        """What NumPy makes the very same structured type of: the list, or where fields have gaps the dictionary, for
        NumPy takes the list's gaps for fields."""
        from ast import literal_eval

        return literal_eval(self.name) if "{" in self.name else self.descr

    @property
    def format(self) -> str:
        """The format of the buffer protocol (PEP 3118), as `struct` and `memoryview` use it: "f"."""
        return text(lib.ndf_dtype_format, self._struct, c.NDF_DTYPE_STYLE_BUFFER)

    def _find_numpy(self) -> numpy.dtype[Any]:
        import numpy

        if self.is_packed or self.lanes != 1:
            why = "whose elements share bytes" if self.is_packed else "a vector type"
            instead = f"{self.name}[padded]" if self.is_packed and self.lanes == 1 else ""
            raise TypeError(f"NumPy has no dtype for {self.name}, {why}" + (instead and f": convert to {instead}"))
        if self.is_structured:
            from ast import literal_eval

            described: numpy.dtype[Any] = numpy.dtype(literal_eval(self.name))
            return described
        if self._struct.kind or self.name in _NUMPY_NAMES or self.typestr[0] == _FOREIGN:
            return numpy.dtype(self.typestr)
        name = self.name.removesuffix("[padded]")
        try:
            import ml_dtypes  # type: ignore[import-not-found,unused-ignore]

            found: numpy.dtype[Any] = numpy.dtype(getattr(ml_dtypes, name))
            return found
        except ImportError:
            raise TypeError(f"NumPy alone has no dtype for {name}: install ml_dtypes") from None
        except AttributeError:
            raise TypeError(f"neither NumPy nor this version of ml_dtypes has a dtype for {name}") from None

    def numpy(self) -> numpy.dtype[Any]:
        """NumPy's dtype, or ml_dtypes' where NumPy has none."""
        try:
            return self._numpy
        except AttributeError:
            self._numpy = self._find_numpy()
            return self._numpy

    @property
    def __numpy_dtype__(self) -> Any:
        """What NumPy asks for where it takes a dtype; versions before 2.4 ask for `dtype`."""
        try:
            return self.numpy()
        except TypeError as error:
            raise AttributeError(str(error)) from None

    dtype = __numpy_dtype__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType):
            return self is other
        try:
            return dtype(other) is self
        except (TypeError, ValueError, NotImplementedError):
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"ndferry.dtype({self.name!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return dtype, (self.name,)


_NUMPY_NAMES = {"bool", "float16", "float32", "float64", "complex64", "complex128"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_FOREIGN = ">" if sys.byteorder == "little" else "<"
KNOWN: dict[bytes, DType] = {}  # by the bytes of the C struct; native code reads it
_parsed: dict[str, DType] = {}


def of_struct(struct: c.ndf_dtype) -> DType:
    """The one object for a type."""
    key = bytes(struct)
    try:
        return KNOWN[key]
    except KeyError:
        new = object.__new__(DType)
        new._struct, new.name = struct, text(lib.ndf_dtype_format, struct, c.NDF_DTYPE_STYLE_NAME)
        # Another thread may have been faster; the first object stays.
        return KNOWN.setdefault(key, new)


def dtype(of: object) -> DType:
    """The element type that `of` means: a name ("float32", "bfloat16", "datetime64[ns]"), an array interface typestr
    or descr ("<f4", [("x", "<f4")]), a PEP 3118 format ("T{f:x:}"), a dtype of NumPy, ml_dtypes, PyTorch, JAX,
    TensorFlow, MLX or Arrow, or bool, int, float, complex for the 8-byte types (bool: 1).

    >>> ndferry.dtype("<f4") is ndferry.float32
    True
    >>> ndferry.dtype([("x", "<f4"), ("y", "<i2")]).itemsize
    6
    """
    if isinstance(of, DType):
        return of
    words = of if isinstance(of, str) else _words(of)
    try:
        return _parsed[words]
    except KeyError:
        struct = c.ndf_dtype()
        if "\0" in words:  # where C would stop reading
            raise DTypeError(f"{words!r} is not a dtype: it has a NUL")
        check(lib.ndf_dtype_parse(words.encode(), byref(struct)))
        return _parsed.setdefault(words, of_struct(struct))


def _words(of: object) -> str:
    """A foreign type in words."""
    if isinstance(of, list):
        try:
            return repr(of)
        except RecursionError:
            raise DTypeError("`dtype` is a list that nests too deeply to be a description") from None
    if isinstance(of, type) and of in _PYTHON_TYPES:
        return _PYTHON_TYPES[of]
    if (words := _words_of_framework(of)) is not None:
        return words
    numpy: Any = sys.modules.get("numpy")
    if numpy:
        found: Any = numpy.dtype(of) if isinstance(of, type) and issubclass(of, numpy.generic) else of
        if isinstance(found, numpy.dtype):
            return _words_of_numpy(found)
    raise TypeError(f"`dtype` is {of!r}, of which no element type can be made")


def _words_of_framework(of: Any) -> str | None:
    """A type of a framework that is no NumPy's, told by where its class comes from; none of them is imported."""
    module, name = type(of).__module__, type(of).__name__
    if (module, name) in (("torch", "dtype"), ("mlx.core", "Dtype")):
        return str(of).rpartition(".")[2]
    if name == "DType" and module.startswith("tensorflow."):
        return _padded(of.name)
    if isinstance(of, type):  # JAX's are classes, made by a class of its own, that have a dtype of NumPy's
        numpy: Any = sys.modules.get("numpy")
        found: Any = vars(of).get("dtype")
        return _words_of_numpy(found) if numpy is not None and isinstance(found, numpy.dtype) else None
    if hasattr(of, "__arrow_c_schema__") and not hasattr(of, "__arrow_c_array__"):  # which arrays have
        from ._arrow import dtype_name

        return dtype_name(of)
    return None


def _padded(name: str) -> str:
    """A type narrower than a byte as NumPy and TensorFlow hold it: a byte for each."""
    return f"{name}[padded]" if name in c.DTYPES and c.DTYPES[name][1] % 8 else name


def _words_of_numpy(of: Any) -> str:
    if of.subdtype is not None:
        raise TypeError(f"`dtype` is {of}, whose shape belongs in the tensor's shape")
    if of.names is not None:
        return _words_of_fields(of)
    # ml_dtypes registers its types with NumPy; their typestr is "<V2" and the like, which says nothing.
    words: str = _padded(of.name) if of.isbuiltin == 2 else of.str
    return words


def _words_of_fields(of: numpy.dtype[Any]) -> str:
    """A structured type, with every offset: NumPy's own text leaves out the gaps of aligned structs within others."""
    named: Any = of.fields  # there are some, and they may have a title, which NumPy's own stubs do not know
    fields = [named[name] for name in of.names or ()]
    words: dict[str, object] = {
        "names": list(of.names or ()),
        "formats": [_Words(_words_of_field(field[0])) for field in fields],
        "offsets": [field[1] for field in fields],
        "itemsize": of.itemsize,
    }
    titles = [field[2] if len(field) > 2 else None for field in fields]
    return str(words | ({"titles": titles} if any(titles) else {}))


def _words_of_field(of: numpy.dtype[Any]) -> str:
    if of.subdtype is not None:
        base, shape = of.subdtype
        return f"({_words_of_field(base)}, {shape})"
    words = _words_of_numpy(of)
    return words if of.names is not None else repr(words)


class _Words(str):
    """Text that stands for itself in the text of a list."""

    __slots__ = ()
    __repr__ = str.__str__


def can_cast(from_: object, to: object, casting: str = "safe") -> bool:
    """Whether a conversion is allowed, by the rules of `numpy.can_cast`.

    >>> ndferry.can_cast("int32", "float64"), ndferry.can_cast("int64", "float32")
    (True, False)
    """
    return lib.ndf_dtype_can_cast(dtype(from_)._struct, dtype(to)._struct, choice(casting, "casting", CASTINGS))


def promote_types(a: object, b: object) -> DType:
    """The smallest type that both types convert to safely, by the rules of `numpy.promote_types`.

    >>> ndferry.promote_types("uint8", "int8")
    ndferry.dtype('int16')
    """
    struct = c.ndf_dtype()
    check(lib.ndf_dtype_promote(dtype(a)._struct, dtype(b)._struct, byref(struct)))
    return of_struct(struct)
