"""MBG/NBD: BG/NBD in which a customer may drop out right after his first purchase.

Batislam, Denizel & Filiztekin (2007), Empirical validation and comparison of models for customer
base analysis, International Journal of Research in Marketing 24(3), 201-209. One more coin is
tossed, so that a customer without repeats is not alive for certain.
"""

from __future__ import annotations

from typing import ClassVar

import attrs

from userops.value.bg_nbd import BGNBD

__all__ = ["MBGNBD"]


@attrs.frozen
class MBGNBD(BGNBD):
    """The MBG/NBD model, with the parameters r, alpha, a and b of `BGNBD`."""

    coins: ClassVar[int] = 1
