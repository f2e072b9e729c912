"""The commands of `python -m userops`, each thin over the library."""

from __future__ import annotations

__all__: list[str] = []
