"""The parts of the synthetic shop: what happens in it, drawn from a seed, table by table."""

from __future__ import annotations

__all__: list[str] = []
