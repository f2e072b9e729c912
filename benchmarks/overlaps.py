"""How far a hundred tags overlap, a million customers in memory."""

from __future__ import annotations

from benchmarks.child import Options, Prepared

__all__ = ["prepare"]

_TAGS = 100
_SEED = 20_250_101


def prepare(options: Options) -> Prepared:
    """Give each tag a share of the customers between 1 and 60 percent."""
    import numpy as np
    import pyarrow as pa

    from userops.segmentation import Memberships, overlap

    rng = np.random.default_rng(_SEED)
    shares = np.linspace(0.01, 0.6, _TAGS)
    customers = options.size.customers
    wide = {"customer_id": np.arange(customers)}
    wide |= {f"tag {n:02d}": rng.random(customers) < share for n, share in enumerate(shares)}
    memberships = Memberships.from_wide(pa.table(wide))
    return Prepared(lambda: overlap(memberships))
