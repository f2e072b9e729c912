"""Three million ids and two million links: resolved, one taken away, and held to the truth.

Persons have a phone and up to three accounts, each of which was seen with the phone. One phone in a
hundred belongs to a household, and three accounts in a thousand were opened with the number of one
of a few shops. Precision and recall are of pairs of ids of one person.
"""

from __future__ import annotations

import datetime as dt
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from benchmarks.child import Options, Prepared

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["prepare"]

_SEED, _SHOPS, _TAKEN_AWAY = 20_250_101, 6, 21
_ACCOUNTS = {"unionid": 0.8, "external_userid": 0.5, "taobao_id": 0.7}
_AS_OF = dt.datetime(2025, 1, 1, tzinfo=dt.UTC)


def prepare(options: Options) -> Prepared:
    """Draw the links, and read them once."""
    from userops.customers import IdentifierKind, IdentityGraph

    accounts, phones, kinds, truth = _links(options.size.customers)
    graph = IdentityGraph(
        [
            IdentifierKind(kind, most_per_person=1, priority=-n)
            for n, kind in enumerate(("phone", *_ACCOUNTS))
        ]
    )
    links = _table(accounts, phones, kinds)
    graph.resolve(links, _AS_OF)

    def run() -> dict[str, float]:
        begin = time.perf_counter()
        found = graph.resolve(links, _AS_OF)
        took = {"resolve": time.perf_counter() - begin}
        took["kernel"] = _kernel(found)
        person, names = found.made.person, _numbers(found)
        took["precision"], took["recall"] = _quality(person, truth[names])
        took["naive"], _ = _quality(found.made.group, truth[names])
        took["ids"], took["links"] = float(len(found.nodes)), float(len(found.pairs))
        took["without"] = _without(found)
        return took

    return Prepared(run, numbers=lambda measured: measured)


def _links(persons: int) -> tuple[Any, Any, Any, Any]:
    """Return accounts and phones as numbers, the kind of each account, and whose each id is."""
    import numpy as np

    rng = np.random.default_rng(_SEED)
    phone = np.arange(persons)
    household = rng.permutation(persons)[: persons // 100]
    heads = rng.integers(0, persons, household.size // 2)
    phone[household] = phone[np.repeat(heads, 2)[: household.size]]
    owners = [np.flatnonzero(rng.random(persons) < share) for share in _ACCOUNTS.values()]
    owner = np.concatenate(owners)
    kinds = np.repeat(np.arange(1, 1 + len(owners)), [mine.size for mine in owners])
    accounts = persons + np.arange(owner.size)
    used = phone[owner]
    at_shop = rng.random(owner.size) < 0.003
    shops = persons + owner.size + np.arange(_SHOPS)
    used[at_shop] = shops[rng.integers(0, _SHOPS, int(at_shop.sum()))]
    truth = np.concatenate((np.arange(persons), owner, -1 - np.arange(_SHOPS)))
    return accounts, used, kinds, truth


def _table(accounts: Any, phones: Any, kinds: Any) -> Any:
    import numpy as np
    import pyarrow as pa

    from userops.customers import Links

    rng = np.random.default_rng(_SEED)
    names = np.array(["phone", *_ACCOUNTS])
    at = rng.integers(1_700_000_000_000_000, 1_720_000_000_000_000, accounts.size)
    table = pa.table(
        {
            "account": accounts,
            "phone": phones,
            "kind": names[kinds],
            "seen_at": at,
        }
    )
    return Links(
        table, left="account", left_kind_column="kind", right="phone", right_kind="phone",
        seen_at="seen_at", time_format="epoch_us",
    )  # fmt: skip


def _kernel(found: Any) -> float:
    """Return the seconds of grouping alone, the ids read already."""
    from userops.customers.identities import Identities

    begin = time.perf_counter()
    Identities.resolved(
        found.nodes, found.pairs, apart=(), before_us=found.before_us, decisions=(),
        where=found.zone,
    )  # fmt: skip
    return time.perf_counter() - begin


def _numbers(found: Any) -> NDArray[np.int64]:
    import numpy as np

    texts = [text.array.cast("int64").to_numpy() for text in found.nodes.texts]
    return np.concatenate(texts)


def _pairs(labels: Any) -> float:
    import numpy as np

    sizes = np.unique(labels, return_counts=True)[1].astype(float)
    return float((sizes * (sizes - 1) / 2).sum())


def _quality(person: Any, truth: Any) -> tuple[float, float]:
    import numpy as np

    both = _pairs(person.astype(np.int64) * 2**32 + (truth + 2**20))
    return both / _pairs(person), both / _pairs(truth)


def _without(found: Any) -> float:
    """Return the median seconds of taking one link away, its id looked up anew."""
    import numpy as np

    found.named_by  # noqa: B018 - a host has asked for ids before
    rng = np.random.default_rng(_SEED)
    times = []
    for place in rng.integers(0, len(found.pairs), _TAKEN_AWAY):
        (left,), (right,) = (
            found.nodes.pairs(side[[place]]) for side in (found.pairs.a, found.pairs.b)
        )
        begin = time.perf_counter()
        found.without_link(left, right).customer_id(*left)
        times.append(time.perf_counter() - begin)
    return median(times)
