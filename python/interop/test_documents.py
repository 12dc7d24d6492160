"""What the documentation shows of a framework is what happens with its current release."""

from __future__ import annotations

import documents
import pytest


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("page", documents.OTHERS, ids=documents.name)
def test_what_a_page_shows_is_what_happens(page):
    for library in documents.PAGES[page]:
        pytest.importorskip(library)
    documents.run(page)
