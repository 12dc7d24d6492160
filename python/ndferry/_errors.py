"""What can go wrong: one exception class for each status of the C API, each also of Python's fitting class."""

from __future__ import annotations

from . import _declarations as c


class NdferryError(Exception):
    """A call failed; the message names the argument and both sides.

    >>> try:
    ...     ndferry.zeros((2, 3)).reshape(7)
    ... except ndferry.NdferryError as error:
    ...     type(error).__name__, isinstance(error, ValueError), error.status
    ('ShapeError', True, 2)
    """

    status: int = c.NDF_ERROR_INTERNAL
    """The status of the C API (NDF_ERROR_*)."""


class InvalidArgumentError(NdferryError, ValueError):
    """An argument means nothing."""

    status = c.NDF_ERROR_INVALID_ARGUMENT


class ShapeError(NdferryError, ValueError):
    """Shapes do not fit each other or the operation."""

    status = c.NDF_ERROR_SHAPE


class DTypeError(NdferryError, TypeError):
    """The data type is malformed, or the cast is not allowed."""

    status = c.NDF_ERROR_DTYPE


class LayoutError(NdferryError, ValueError):
    """The strides do not allow what was asked."""

    status = c.NDF_ERROR_LAYOUT


class RangeError(NdferryError, IndexError):
    """An axis, index or address lies outside its range."""

    status = c.NDF_ERROR_RANGE


class ReadOnlyError(NdferryError, ValueError):
    """The memory may not be written."""

    status = c.NDF_ERROR_READ_ONLY


class SizeError(NdferryError, OverflowError):
    """A size does not fit the machine's integers."""

    status = c.NDF_ERROR_OVERFLOW


class VersionError(NdferryError, BufferError):
    """A foreign struct has a version that cannot be read."""

    status = c.NDF_ERROR_VERSION


class CopyRequiredError(NdferryError, ValueError, BufferError):
    """The call needs a copy, and copying was forbidden. The array API standard asks for a ValueError in one sentence
    and for a BufferError in another."""

    status = c.NDF_ERROR_COPY_REQUIRED


class UnsupportedError(NdferryError, NotImplementedError):
    """Well-formed, but not supported."""

    status = c.NDF_ERROR_UNSUPPORTED


class DeviceUnavailableError(NdferryError, RuntimeError):
    """The device is not there."""

    status = c.NDF_ERROR_DEVICE_UNAVAILABLE


class OutOfMemoryError(NdferryError, MemoryError):
    """Memory could not be had."""

    status = c.NDF_ERROR_OUT_OF_MEMORY


class DeviceFailureError(NdferryError, RuntimeError):
    """The device or its driver failed."""

    status = c.NDF_ERROR_DEVICE_FAILURE


class CancelledError(NdferryError, RuntimeError):
    """The function given as `progress` returned False."""

    status = c.NDF_ERROR_CANCELLED


CLASSES: dict[int, type[NdferryError]] = {subclass.status: subclass for subclass in NdferryError.__subclasses__()}
