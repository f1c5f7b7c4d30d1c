"""Cuts an image into tiles of nearly equal sizes, which avoids slivers at the edges."""

from __future__ import annotations

from collections.abc import Iterator


def tiles(height: int, width: int, side: int) -> Iterator[tuple[int, int, int, int]]:
    """Top, bottom, left and right of each tile, row by row. No side is longer than ``side``."""
    rows, columns = -(-height // side), -(-width // side)
    for row in range(rows):
        for column in range(columns):
            yield (
                row * height // rows,
                (row + 1) * height // rows,
                column * width // columns,
                (column + 1) * width // columns,
            )
