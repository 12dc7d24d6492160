"""What the documentation shows in Python is what Python does. Pages about frameworks: python/interop/test_documents.py."""

from __future__ import annotations

import documents
import pytest
from samples import NUMPY_2

pytestmark = pytest.mark.skipif(not NUMPY_2, reason="pages show what current releases do")


@pytest.mark.parametrize("page", documents.PLAIN, ids=documents.name)
def test_what_a_page_shows_is_what_happens(page):
    documents.run(page)


def test_there_are_pages_with_programs():
    assert len(documents.PLAIN) >= 4 and len(documents.OTHERS) >= 4
