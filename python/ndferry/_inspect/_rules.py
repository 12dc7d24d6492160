"""Every rule that an object is held to: how bad it is to break, who says so, and what it says.

An identifier never changes its meaning: other projects name it in their tests. `docs/inspect.md` shows this table.
"""

from __future__ import annotations

from typing import NamedTuple

VIOLATION, DISAGREEMENT, NOTE = "violation", "disagreement", "note"
SEVERITIES = (VIOLATION, DISAGREEMENT, NOTE)

STANDARD = "array API 2025.12, __dlpack__"
HEADER = "DLPack 1.3, dlpack.h"
PYTHON = "DLPack, Python specification"
EXCHANGE = "DLPack 1.3, DLPackExchangeAPI"
NUMPY = "NumPy, array interface protocol"
ARRAY = "NumPy 2, __array__"
BUFFER = "PEP 3118 and CPython's C API"
CUDA = "CUDA Array Interface v3"
ARROW = "Arrow PyCapsule interface"
TOGETHER = "all protocols describe one object"


class Rule(NamedTuple):
    """A rule: its stable identifier, what breaking it is, who says so, and what it says."""

    id: str
    severity: str
    source: str
    text: str


_TABLE = [
    # What every protocol has in common.
    ("attribute-error", VIOLATION, "Python, hasattr", "What is not offered raises AttributeError when it is looked for."),
    ("pointer-differs", DISAGREEMENT, TOGETHER, "Views of one object start at one address."),
    ("shape-differs", DISAGREEMENT, TOGETHER, "All protocols say one shape."),
    ("strides-differ", DISAGREEMENT, TOGETHER, "Views at one address have one set of strides."),
    ("dtype-differs", DISAGREEMENT, TOGETHER, "All protocols say one element type."),
    ("device-differs", DISAGREEMENT, TOGETHER, "All protocols say one device."),
    ("read-only-differs", DISAGREEMENT, TOGETHER, "What is read-only through one door is read-only through all."),
    ("dtype-lost", NOTE, NUMPY, "An element type without a name in a protocol is refused, not shown as bytes."),
    # DLPack, what is asked of Python.
    ("dlpack-device-missing", VIOLATION, STANDARD, "Who has `__dlpack__` has `__dlpack_device__`."),
    ("dlpack-device-result", VIOLATION, STANDARD, "`__dlpack_device__()` is a tuple of two integers."),
    ("dlpack-device-mismatch", VIOLATION, STANDARD, "The struct's device is what `__dlpack_device__()` says."),
    ("dlpack-keywords", VIOLATION, STANDARD, "`__dlpack__` takes `stream`, `max_version`, `dl_device` and `copy`."),
    ("dlpack-stream-default", VIOLATION, STANDARD, "`stream` is None where it is not given."),
    ("dlpack-stream-accepted", NOTE, STANDARD, "Where there are no streams, `stream` can only be None."),
    ("dlpack-stream-zero", VIOLATION, STANDARD, "`stream=0` is refused on CUDA: it is ambiguous."),
    ("dlpack-type-error", VIOLATION, STANDARD, "Data that cannot be exported is a BufferError, never a TypeError."),
    ("dlpack-refusal-class", VIOLATION, STANDARD, "What cannot be exported as asked is a BufferError."),
    ("dlpack-legacy-only", NOTE, STANDARD, "A consumer that asks for 1.x gets the versioned struct."),
    ("dlpack-versioned-unasked", VIOLATION, STANDARD, "A consumer that names no version gets the struct from before 1.0."),
    ("dlpack-copy-ignored", VIOLATION, STANDARD, "`copy=True` gives memory of its own."),
    ("dlpack-copy-refused", NOTE, STANDARD, "`copy=True` copies."),
    ("dlpack-copy-forbidden", VIOLATION, STANDARD, "`copy=False` never copies."),
    ("dlpack-is-copied-missing", VIOLATION, STANDARD, "A copy says so in its flags."),
    ("dlpack-own-device-refused", VIOLATION, STANDARD, "Memory can be asked for on the device where it is."),
    ("dlpack-device-ignored", VIOLATION, STANDARD, "What `dl_device` asks for is given or refused."),
    ("dlpack-lazy-negative", VIOLATION, STANDARD, "Elements that are negated when they are read are not exported as they lie."),
    ("dlpack-legacy-read-only", DISAGREEMENT, STANDARD, "Read-only data are not put into a struct that cannot say so."),
    # DLPack, the struct.
    ("dlpack-not-capsule", VIOLATION, PYTHON, "`__dlpack__` returns a PyCapsule."),
    ("dlpack-capsule-name", VIOLATION, PYTHON, 'The capsule is named "dltensor" or "dltensor_versioned".'),
    ("dlpack-capsule-destructor", VIOLATION, PYTHON, "A capsule that nobody takes ends its struct."),
    ("dlpack-version", VIOLATION, HEADER, "The version is one that was asked for, and names its layout."),
    ("dlpack-flags", NOTE, HEADER, "Only flags that the header names are set."),
    ("dlpack-deleter-null", NOTE, HEADER, "The deleter may be NULL, but some consumers abort."),
    ("dlpack-ndim", VIOLATION, HEADER, "`ndim` is not negative."),
    ("dlpack-shape", VIOLATION, HEADER, "The shape is there, its extents are not negative and can be multiplied."),
    ("dlpack-strides-null", VIOLATION, HEADER, "From 1.2 on the strides are there."),
    ("dlpack-dtype", VIOLATION, HEADER, "Bits and lanes are not 0 and fit the code."),
    ("dlpack-data-null", VIOLATION, HEADER, "Memory with elements has an address."),
    ("dlpack-empty-data", NOTE, HEADER, "Without elements the address is NULL."),
    ("dlpack-byte-offset", NOTE, HEADER, "`byte_offset` is 0 on devices with addresses: some consumers ignore it."),
    ("dlpack-unaligned", NOTE, HEADER, "Elements lie at multiples of their size."),
    ("dlpack-unsupported", NOTE, HEADER, "The struct is one that ndferry itself can take."),
    # DLPack's table of C functions.
    ("exchange-on-instance", VIOLATION, EXCHANGE, "The table hangs on the class."),
    ("exchange-capsule-name", VIOLATION, EXCHANGE, 'The table is in a capsule named "dlpack_exchange_api".'),
    ("exchange-version", VIOLATION, EXCHANGE, "The table, or one that it links to, is of version 1."),
    ("exchange-function-null", VIOLATION, EXCHANGE, "Only `dltensor_from_py_object_no_sync` may be NULL."),
    ("exchange-old-name", NOTE, EXCHANGE, "The attribute is `__dlpack_c_exchange_api__`."),
    ("exchange-unchecked", DISAGREEMENT, EXCHANGE, "The table refuses what `__dlpack__` refuses."),
    # NumPy's protocols.
    ("interface-dict", VIOLATION, NUMPY, "`__array_interface__` is a dict."),
    ("interface-keys", VIOLATION, NUMPY, "It has `shape`, `typestr` and `version`."),
    ("interface-version", VIOLATION, NUMPY, "Its version is 3."),
    ("interface-shape", VIOLATION, NUMPY, "Its shape is a tuple of integers that are not negative."),
    ("interface-typestr", VIOLATION, NUMPY, "Its typestr is text: byte order, kind, size."),
    ("interface-strides", VIOLATION, NUMPY, "Its strides are None or a tuple of as many integers as the shape."),
    ("interface-data", VIOLATION, NUMPY, "Its data are an address and a bool, a buffer, or None."),
    ("interface-data-null", VIOLATION, NUMPY, "Memory with elements has an address."),
    ("interface-descr", VIOLATION, NUMPY, "descr and typestr have the same size."),
    ("interface-bounds", VIOLATION, NUMPY, "All elements lie inside the buffer."),
    ("interface-offset", NOTE, NUMPY, "`offset` means something only beside a buffer."),
    ("interface-mask", NOTE, NUMPY, "A mask is ignored by most consumers."),
    ("struct-capsule", VIOLATION, NUMPY, "`__array_struct__` is a capsule without a name."),
    ("struct-two", VIOLATION, NUMPY, "The struct starts with 2."),
    ("struct-shape", VIOLATION, NUMPY, "Rank and extents are not negative; shape and strides are there."),
    ("struct-flags", VIOLATION, NUMPY, "Contiguity and alignment are as the flags say."),
    ("struct-descr", VIOLATION, NUMPY, "The flag for descr and descr itself come together."),
    ("struct-fields-lost", DISAGREEMENT, NUMPY, "A structured type has its fields in the struct too."),
    ("array-result", VIOLATION, ARRAY, "`__array__` returns a NumPy array."),
    ("array-copy-keyword", VIOLATION, ARRAY, "`__array__` takes `copy`."),
    ("array-copy-ignored", VIOLATION, ARRAY, "`copy=True` gives memory of its own."),
    ("array-copy-false", VIOLATION, ARRAY, "`copy=False` gives the same memory, or a ValueError."),
    ("array-dtype-argument", VIOLATION, ARRAY, "`__array__` takes a dtype as its first argument."),
    ("array-dtype-ignored", VIOLATION, ARRAY, "The array has the dtype that was asked for."),
    ("array-copies", NOTE, ARRAY, "`__array__()` shares memory where the other protocols do."),
    # Buffers.
    ("buffer-refusal-class", VIOLATION, BUFFER, "What cannot be given as asked is a BufferError."),
    ("buffer-writable", VIOLATION, BUFFER, "Who asks for writable memory gets that or a BufferError."),
    ("buffer-readonly-varies", VIOLATION, BUFFER, "All who ask alike are told the same about writing."),
    ("buffer-contiguity", VIOLATION, BUFFER, "Who asks for no strides, or for contiguous memory, gets that or a BufferError."),
    ("buffer-unasked", VIOLATION, BUFFER, "Shape, strides and format are NULL where they are not asked for."),
    ("buffer-len", VIOLATION, BUFFER, "`len` is the product of the shape times `itemsize`."),
    ("buffer-itemsize", VIOLATION, BUFFER, "`itemsize` is what the format says, whether it is asked for or not."),
    ("buffer-shape", VIOLATION, BUFFER, "Rank and extents are in bounds; shape and strides that are asked for are there."),
    ("buffer-suboffsets", VIOLATION, BUFFER, "Suboffsets are given only to those who ask for them."),
    ("buffer-owner", VIOLATION, BUFFER, "`obj` is the exporter, and NULL after a refusal."),
    ("buffer-moves", VIOLATION, BUFFER, "Memory does not move while somebody holds it."),
    # CUDA and Arrow.
    ("cuda-dict", VIOLATION, CUDA, "`__cuda_array_interface__` is a dict with `shape`, `typestr`, `data` and `version`."),
    ("cuda-fields", VIOLATION, CUDA, "Shape, strides, typestr and data have the types that the page says."),
    ("cuda-version", NOTE, CUDA, "Before version 3 nothing is said about streams."),
    ("cuda-stream-zero", VIOLATION, CUDA, "The stream is not 0: it is ambiguous."),
    ("cuda-empty-data", VIOLATION, CUDA, "Without elements the address is 0."),
    ("cuda-strides", NOTE, CUDA, "The strides are None for elements in C order."),
    ("cuda-mask", NOTE, CUDA, "A mask is refused by most consumers."),
    ("arrow-capsule-name", VIOLATION, ARROW, 'The capsules are named "arrow_schema" and "arrow_array".'),
]  # fmt: skip

RULES: dict[str, Rule] = {row[0]: Rule(*row) for row in _TABLE}
