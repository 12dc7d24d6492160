"""The types of other libraries as ours: what a dtype of theirs names is what their arrays become."""

from __future__ import annotations

import ndferry
import numpy as np
import pytest

NAMES = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split()


def test_jaxs_types_are_known():
    jnp = pytest.importorskip("jax.numpy")
    for name in [*NAMES, "bool_", "complex64", "bfloat16", "float8_e4m3fn", "float8_e5m2"]:
        assert ndferry.zeros(3, getattr(jnp, name)).dtype is ndferry.dtype(name.rstrip("_"))
    assert ndferry.dtype(jnp.int4) == "int4[padded]"
    assert ndferry.dtype(jnp.zeros(2, jnp.bfloat16).dtype) == "bfloat16"


def test_tensorflows_types_are_known():
    tf = pytest.importorskip("tensorflow")
    for name in [*NAMES, "bool", "complex64", "complex128", "bfloat16"]:
        assert ndferry.asarray([1, 0], getattr(tf, name)).dtype is ndferry.dtype(name)
    assert ndferry.dtype(tf.half) == "float16" and ndferry.dtype(tf.dtypes.experimental.int4) == "int4[padded]"
    for other in (tf.string, tf.variant, tf.resource, tf.qint8):
        with pytest.raises(ndferry.DTypeError):
            ndferry.dtype(other)
        assert ndferry.int8 != other


def test_arrows_types_are_known():
    pa = pytest.importorskip("pyarrow")
    for name in [*NAMES, "bool_"]:
        assert ndferry.zeros(3, getattr(pa, name)()).dtype is ndferry.dtype(name.rstrip("_"))
    dates = [
        pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns", "UTC"), pa.duration("ms"), pa.date32(), pa.date64(),
        pa.binary(3),
    ]  # fmt: skip
    for one in dates:
        made = pa.array([b"abc" if one == pa.binary(3) else 0], one)
        assert ndferry.dtype(one) is ndferry.asarray(made).dtype, one
    assert ndferry.dtype(pa.field("x", pa.float32())) == "float32"
    for other in (pa.string(), pa.list_(pa.int8()), pa.dictionary(pa.int8(), pa.string()), pa.null(), pa.decimal128(5)):
        with pytest.raises(TypeError, match="no element type"):
            ndferry.dtype(other)
        assert ndferry.int8 != other
    with pytest.raises(TypeError):
        ndferry.dtype(pa.array([1]))


def test_pytorchs_and_mlxs_types_are_known():
    for module in ("torch", "mlx.core"):
        library = pytest.importorskip(module)
        for name in ("int8", "uint8", "int64", "float16", "bfloat16", "float32", "complex64"):
            assert ndferry.asarray([1], getattr(library, name)).dtype is ndferry.dtype(name)


def test_what_has_a_type_is_no_type():
    for other in (np.zeros(3), np.ndarray, ndferry.zeros(3), ndferry.Tensor):
        with pytest.raises(TypeError, match="no element type"):
            ndferry.dtype(other)
