"""The areas that groups fill in a grid: where their names go, and the lines between them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

__all__ = ["Region", "group_borders", "regions_of"]

Groups = Sequence[Sequence[str | None]]
Line = tuple[tuple[float, float], tuple[float, float]]


@attrs.frozen
class Region:
    """One connected area of a group, by the run of cells that has most room for its name.

    Attributes:
        name: The group.
        row: Row of the run, from 0 at the top.
        column: First column of the run.
        length: Cells in the run, >= 1.
    """

    name: str
    row: int
    column: int
    length: int


def regions_of(groups: Groups) -> list[Region]:
    """Return the connected areas of all groups, in order of their first cell.

    Args:
        groups: The group of each cell, row by row; None for no group.
    """
    seen: set[tuple[int, int]] = set()
    regions = []
    for row, names in enumerate(groups):
        for column, name in enumerate(names):
            if name is not None and (row, column) not in seen:
                area = _area(groups, row, column)
                seen |= area
                regions.append(_widest_run(name, area))
    return regions


def group_borders(groups: Groups) -> list[Line]:
    """Return the lines between cells of different groups and around the grid.

    Args:
        groups: The group of each cell, row by row; rows are equally long.

    Returns:
        Pairs of (x, y) points in units of cells, the origin at the top left.
    """
    n_rows, n_columns = len(groups), len(groups[0]) if groups else 0
    upright: list[Line] = [
        ((column, row), (column, row + 1))
        for row in range(n_rows)
        for column in range(n_columns + 1)
        if column in {0, n_columns} or groups[row][column - 1] != groups[row][column]
    ]
    level: list[Line] = [
        ((column, row), (column + 1, row))
        for row in range(n_rows + 1)
        for column in range(n_columns)
        if row in {0, n_rows} or groups[row - 1][column] != groups[row][column]
    ]
    return upright + level


def _area(groups: Groups, row: int, column: int) -> set[tuple[int, int]]:
    name = groups[row][column]
    area = {(row, column)}
    open_cells = [(row, column)]
    while open_cells:
        r, c = open_cells.pop()
        for cell in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            is_inside = 0 <= cell[0] < len(groups) and 0 <= cell[1] < len(groups[cell[0]])
            if is_inside and cell not in area and groups[cell[0]][cell[1]] == name:
                area.add(cell)
                open_cells.append(cell)
    return area


def _widest_run(name: str, area: set[tuple[int, int]]) -> Region:
    best = Region(name, 0, 0, 0)
    for row, column in sorted(area):
        if (row, column - 1) in area:
            continue
        length = 1
        while (row, column + length) in area:
            length += 1
        if length > best.length:
            best = Region(name, row, column, length)
    return best
