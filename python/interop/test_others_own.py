"""Other projects' own tests, as their packages bring them, with ndferry in the place of some of their objects.

Each suite runs in a process of its own. What fails must be in the list, with the words of the error and the reason;
what is in the list must be there, and must fail: a test that vanished or passes again is an error too.
"""

from __future__ import annotations

import pathlib
import re
import sys
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent / "others"))

from rewrite import Put, Ran, rewritten, run  # noqa: E402

pytestmark = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0", reason="NumPy's own tests of DLPack 1 came with 2.1"
)

MAKERS = ("np.arange", "np.zeros", "np.array", "np.asarray", "np.ndarray")
FUNCTIONS = [Put("*", "callee", "on_tensors")]
LEGACY = "NumPy calls all memory of structs without flags read-only; as in PyTorch and JAX it is writable here"
REFCOUNT = "a capsule holds the memory, not the Python object that it came from"
LONG_DOUBLE = "no tensor holds long doubles: their layout differs between machines"
CORRUPTED = "of NumPy's own cache of buffers"


class Suite(NamedTuple):
    module: str
    puts: list[Put]
    at_least: int  # how many tests pass
    failing: dict[str, tuple[str, str]] = {}  # by pattern: what the error says, and why that is right
    chosen: str = ""
    replaced: dict[str, str] = {}


SUITES = {
    "numpy.from_dlpack takes a tensor in between": Suite(
        "numpy._core.tests.test_dlpack",
        [Put("np.from_dlpack", "argument", "between")],
        81,
        {"TestDLPack::test_writeable": ("assert not True", LEGACY)},
    ),
    "ndferry.from_dlpack stands for numpy.from_dlpack": Suite(
        "numpy._core.tests.test_dlpack",
        [Put("np.from_dlpack", "callee", "from_dlpack")],
        81,
        {"TestDLPack::test_writeable": ("assert not True", LEGACY)},
    ),
    "tensors stand for NumPy's arrays as producers": Suite(
        "numpy._core.tests.test_dlpack",
        [Put(one, "result", "tensor") for one in MAKERS],
        58,
        {
            "TestDLPack::test_dunder_dlpack_refcount[[]*": ("getrefcount", REFCOUNT),
            "TestDLPack::test_from_dlpack_refcount[[]*": ("getrefcount", REFCOUNT),
            "TestDLPack::test_dunder_dlpack_stream": ("`stream` is 1", "a ValueError, as in NumPy from 2.5 on"),
            "TestDLPack::test_strides_not_multiple_of_itemsize": ("not str", "fields are not picked by name"),
            "TestDLPack::test_readonly": ("no attribute 'flags'", "read-only is said once, when a tensor is made"),
            "TestDLPack::test_writeable": ("not enough values", "of a second array, which is a subclass of NumPy's"),
        },
        replaced={"new_and_old_dlpack": "yield np.arange(5)"},
    ),
    "Arrow and ndferry exchange by DLPack": Suite(
        "pyarrow.tests.test_dlpack",
        [
            Put("np.from_dlpack", "callee", "from_dlpack"),
            Put("pa.Tensor.from_dlpack", "argument", "between"),
            Put("pa.Array.from_dlpack", "argument", "between"),
            Put("pa.FixedShapeTensorArray.from_dlpack", "argument", "between"),
        ],
        146,
    ),
    "a tensor is an array-like of NumPy's": Suite(
        "numpy._core.tests.test_array_coercion",
        [],
        188,
        {"TestStringDiscovery::test_unpack_first_level[[]*": ("Python objects", "no tensor holds them")},
        replaced={"arraylikes": "yield param(_tensor, id='tensor')"},
    ),
    "memoryviews of tensors stand for those of arrays": Suite(
        "numpy._core.tests.test_multiarray",
        [Put("memoryview", "argument", "imported"), Put("memoryview", "callee", "view")],
        19,
        {
            "TestNewBufferProtocol::test_roundtrip": ("long double", LONG_DOUBLE),
            "TestNewBufferProtocol::test_roundtrip_single_types": ("long double", LONG_DOUBLE),
            "TestNewBufferProtocol::test_export_record": ("long double", LONG_DOUBLE),
            "TestNewBufferProtocol::test_export_subarray": ("(2,2)<i", "the byte order is always said"),
            "TestNewBufferProtocol::test_relaxed_strides": ("AssertionError", "strides of extents of 1 mean nothing"),
            "TestNewBufferProtocol::test_out_of_order_fields": ("BufferError", "where NumPy has a ValueError"),
            "TestNewBufferProtocol::test_error_pointer_type": ("a pointer", "a TypeError before a buffer is asked for"),
            "TestNewBufferProtocol::test_error_if_stored_buffer_info_is_corrupted[[]*": ("DID NOT RAISE", CORRUPTED),
        },
        "TestNewBufferProtocol",
    ),
    "tensors are chunks of Dask arrays": Suite(
        "dask.array.tests.test_sparse",
        [Put("sparse.COO", "name", "chunk"), Put("assert_eq", "callee", "same_numbers")],
        63,
        {
            "test_basic[[]<lambda>17]": ("picking elements", "masks make copies, which `t[...]` does not"),
            "test_basic[[]<lambda>18]": ("picking elements", "masks make copies, which `t[...]` does not"),
            "test_html_repr": ("'COO' in", "the class has another name"),
        },
    ),
}

WITHOUT_AXES = "a tensor without axes is neither an array nor a scalar of NumPy's"
OVERRIDES = {
    "numpy.lib.tests.test_shape_base": (77, {}),
    "numpy.lib.tests.test_arraysetops": (117, {}),
    "numpy.lib.tests.test_stride_tricks": (
        24,
        {
            "test_writeable": ("DID NOT WARN", "views by broadcasting are read-only, and need no warning"),
            "test_writeable_memoryview": ("assert False", "as an array of NumPy's own once more it may be written"),
        },
    ),
    "numpy.lib.tests.test_twodim_base": (37, {}),
    "numpy.lib.tests.test_index_tricks": (65, {}),
    "numpy.lib.tests.test_arraypad": (617, {}),
    "numpy.lib.tests.test_nanfunctions": (1193, {}),
    "numpy.lib.tests.test_polynomial": (39, {}),
    "numpy.lib.tests.test_histograms": (68, {}),
    "numpy.lib.tests.test_ufunclike": (5, {}),
    "numpy.lib.tests.test_function_base": (
        1414,
        {"TestDiff::test_n": ("AssertionError", "a list comes back as a new tensor, which is not the list")},
    ),
    "numpy.lib.tests.test_type_check": (
        48,
        {
            "TestReal::test_cmplx": ("AssertionError", WITHOUT_AXES),
            "TestImag::test_real": ("AssertionError", WITHOUT_AXES),
            "TestImag::test_cmplx": ("AssertionError", WITHOUT_AXES),
        },
    ),
    "numpy.fft.tests.test_pocketfft": (148, {}),
    "numpy._core.tests.test_einsum": (
        77,
        {"TestEinsum::test_einsum_views": ("AssertionError", "the base of a view is the tensor in between")},
    ),
}
SUITES |= {
    f"NumPy's functions take tensors: {module}": Suite(module, FUNCTIONS, passing, failing)
    for module, (passing, failing) in OVERRIDES.items()
}


def problems_of(suite, ran):
    """What is not as the list says."""
    problems = []
    for pattern, (words, reason) in suite.failing.items():
        matching = [one for one in (ran.passed | ran.skipped | set(ran.failed)) if fnmatchcase(one, pattern)]
        problems += [] if matching else [f"vanished: {pattern} ({reason})"]
        problems += [f"passes: {one} ({reason})" for one in matching if one not in ran.failed]
        problems += [f"{one}: {ran.failed[one]}" for one in matching if words not in ran.failed.get(one, words)]
    listed = [one for one in ran.failed if any(fnmatchcase(one, pattern) for pattern in suite.failing)]
    problems += [f"{one}: {ran.failed[one]}" for one in set(ran.failed) - set(listed)]
    if len(ran.passed) < suite.at_least:
        problems.append(f"only {len(ran.passed)} of {suite.at_least} passed")
    return problems


@pytest.mark.parametrize("suite", SUITES.values(), ids=SUITES)
def test_the_suite_passes_but_for_what_is_listed(suite, tmp_path):
    pytest.importorskip(suite.module.split(".")[0])
    pytest.importorskip("sparse") if "sparse" in suite.module else None
    ran = run(rewritten(suite.module, suite.puts, suite.replaced), tmp_path, suite.chosen)
    assert not problems_of(suite, ran)
    if suite.puts == FUNCTIONS:
        calls = re.search(r"calls with tensors: (\d+)", ran.output)
        assert calls and int(calls[1]) >= 10


def test_a_list_that_is_no_longer_true_is_noticed():
    suite = Suite("module", [], 2, {"test_b[[]*": ("the words", "a reason")})
    for passed, failed, problem in (
        ({"test_a", "test_c"}, {"test_b[1]": "with the words"}, None),
        ({"test_a", "test_b[1]"}, {}, "passes: test_b[1]"),
        ({"test_a", "test_c"}, {}, "vanished: test_b"),
        ({"test_a", "test_c"}, {"test_b[1]": "another error"}, "test_b[1]: another error"),
        ({"test_a", "test_c"}, {"test_b[1]": "the words", "test_d": "new"}, "test_d: new"),
        ({"test_a"}, {"test_b[1]": "the words"}, "only 1 of 2"),
    ):
        problems = problems_of(suite, Ran(passed, failed, set(), ""))
        assert bool(problems) == bool(problem) and all(one.startswith(problem) for one in problems)
