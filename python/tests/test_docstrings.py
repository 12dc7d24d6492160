"""What the docstrings show is what happens."""

from __future__ import annotations

import doctest
import inspect

import ndferry
import pytest

# Each kind of error is shown by the class that all of them are.
ERRORS = {name for name in ndferry.__all__ if name.endswith("Error")} - {"NdferryError"}
DTYPES = {name for name in ndferry.__all__ if isinstance(getattr(ndferry, name), ndferry.DType)}
PUBLIC = sorted({*ndferry.__all__, "inspect", "ndarray"} - ERRORS - DTYPES)


def test_all_that_is_public_is_looked_at():
    assert {"Tensor", "asarray", "from_dlpack", "wrap", "statistics", "NdferryError"} <= set(PUBLIC)
    assert len(ERRORS) == 14 and len(DTYPES) >= 30


@pytest.mark.parametrize("name", PUBLIC)
def test_the_examples_of_everything_public_do_what_they_show(name):
    if name == "ndarray":
        pytest.importorskip("numpy")
    public = getattr(ndferry, name)
    examples = doctest.DocTestParser().get_doctest(inspect.getdoc(public), {"ndferry": ndferry}, name, None, None)
    assert examples.examples, f"{name} shows no example"
    said: list[str] = []
    results = doctest.DocTestRunner(verbose=False).run(examples, out=said.append)
    assert results.failed == 0 and results.attempted == len(examples.examples), "".join(said)


@pytest.mark.parametrize("owner", [ndferry, ndferry.Tensor, ndferry.DType, ndferry.Device], ids=lambda owner: owner.__name__)
def test_everything_public_says_what_it_is(owner):
    names = [name for name in (ndferry.__all__ if owner is ndferry else dir(owner)) if not name.startswith("_")]
    silent = [name for name in names if not inspect.getdoc(getattr(owner, name, None))]
    assert len(names) > 5 and not set(silent) - {"name"}  # a slot, which is documented where it is declared
