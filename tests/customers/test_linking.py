"""The kernel that groups nodes: components, and persons where a guard divides them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from userops.customers.linking import MADE, Edges, Guards, components, linked

LINKS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=25)


def _sides(links: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    pairs = np.array(links, dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


@settings(deadline=None)
@given(links=LINKS)
def test_components_are_those_of_the_matrix_in_any_order_of_links(
    links: list[tuple[int, int]],
) -> None:
    """Components are what scipy makes of a matrix of the links, sorted or not."""
    a, b = _sides(links)
    matrix = sparse.coo_array((np.ones(len(a)), (a, b)), shape=(12, 12))
    expected = connected_components(matrix, directed=False)[1]
    assert components(12, a, b).tolist() == expected.tolist()


@settings(deadline=None)
@given(links=LINKS, kinds=st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_persons_are_numbered_without_gaps_and_held_together_by_links_that_were_made(
    links: list[tuple[int, int]], kinds: list[int]
) -> None:
    """Persons are the components of the links that were made, numbered from 0 on without a gap."""
    a, b = _sides([(min(link), max(link)) for link in links])
    edges = Edges(
        a, b, np.ones(len(a), dtype=np.bool_), lambda places: (places,),
        np.zeros(len(a), dtype=np.bool_),
    )  # fmt: skip
    guards = Guards((0, 1, 2), (0, 0, 5), (True, True, True))
    kind = np.array(kinds, dtype=np.int16)
    found = linked(kind, np.arange(12, dtype=np.int64), edges, guards)
    made = found.reason == MADE
    expected = components(12, a[made], b[made])
    assert sorted(set(found.person.tolist())) == list(range(int(expected.max()) + 1))
    both = {(int(one), int(other)) for one, other in zip(found.person, expected, strict=True)}
    assert len(both) == len(set(expected.tolist())) == len(set(found.person.tolist()))
    assert np.bincount(found.person[kind == 1], minlength=1).max() <= 1
