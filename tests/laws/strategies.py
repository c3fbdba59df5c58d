"""Hypothesis strategies: capture histories and models on them."""

import numpy as np
from hypothesis import strategies as st

from mse.histories import CaptureHistories
from mse.models.loglinear.terms import LogLinear, all_terms

NAMES = ("police", "rosa", "udi", "nav", "church")


@st.composite
def histories(draw: st.DrawFn, *, lists: tuple[int, int] = (2, 4), largest: int = 60) -> CaptureHistories:
    """A table of two to four lists; many cells are empty, and somebody is on each list."""
    n_lists = draw(st.integers(*lists))
    cell = st.one_of(st.just(0), st.integers(0, 3), st.integers(0, largest))
    counts = np.array(draw(st.lists(cell, min_size=2**n_lists - 1, max_size=2**n_lists - 1)), dtype=np.int64)
    for j in range(n_lists):
        counts[2**j - 1] += 1
    return CaptureHistories(NAMES[:n_lists], counts)


@st.composite
def models(draw: st.DrawFn, lists: tuple[str, ...]) -> LogLinear:
    """Any hierarchical model on these lists."""
    terms = all_terms(len(lists))
    return LogLinear.from_terms(lists, draw(st.sets(st.sampled_from(terms))) if terms else ())
