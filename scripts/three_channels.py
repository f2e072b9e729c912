"""Bind the customers of three channels of the synthetic shop, and say what that changes.

`python scripts/three_channels.py --out demo_output` prints the report and draws two charts;
docs/how-to/three-channels.md tells the same step by step.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from userops import RFM, Events, History, Orders
from userops.customers import IdentifierKind, IdentityGraph, Links
from userops.datasets import synthetic_shop

AS_OF = "2025-01-01"
CHANNELS = {"store": "phone", "miniprogram": "openid", "tmall": "taobao_id"}
GRAPH = IdentityGraph(
    [
        IdentifierKind("phone", priority=5, most_per_person=2),
        IdentifierKind("unionid", priority=4, most_per_person=1),
        IdentifierKind("openid", priority=3),
        IdentifierKind("external_userid", priority=2),
        IdentifierKind("taobao_id", priority=1),
        IdentifierKind("email"),
    ]
)


def histories(customers: int) -> tuple[History, History]:
    """Return the shop with each channel alone, and with its customers bound."""
    shop = synthetic_shop(customers=customers, seed=7)
    known = shop.identifiers.pivot(index="customer_id", columns="kind", values="value")
    table = shop.orders.join(known, on="customer_id")
    table = table[table["channel"].isin(CHANNELS)].drop(columns="customer_id")
    for channel, kind in CHANNELS.items():  # a channel knows its own ids, and no others
        table.loc[table["channel"] != channel, kind] = None
    orders = Orders(
        table, order_id="order_id", ordered_at="ordered_at", amount="amount", channel="channel",
        identifiers={kind: kind for kind in CHANNELS.values()}, time_zone=shop.time_zone,
    )  # fmt: skip
    scans = Events(
        shop.poster_scans.assign(openid=shop.poster_scans["identifier_value"]),
        customer_id="customer_id", occurred_at="occurred_at", source="source",
        identifiers={"openid": "openid"}, time_zone=shop.time_zone,
    )  # fmt: skip
    signups = Links(
        shop.identifiers, left="customer_id", left_kind="customer_id", right="value",
        right_kind_column="kind", seen_at="first_seen_at",
    )  # fmt: skip
    apart = History({"order": orders, "scan": scans}).with_identities(GRAPH)
    return apart, apart.with_identities(GRAPH, links=signups)


def told(history: History) -> str:
    """Return how many customers there are, and what each comes to."""
    scores: Any = RFM(segments=None).fit(history, as_of=AS_OF).score()
    orders, spent = scores["frequency"].mean(), scores["monetary"].mean()
    return f"{len(scores):,} customers, {orders:.2f} orders and {spent:,.2f} yuan each"


def main() -> None:
    """Print the report, and draw the charts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=5_000)
    parser.add_argument("--out", type=Path, default=Path("demo_output"))
    options = parser.parse_args()
    apart, bound = histories(options.customers)
    print(f"each channel alone: {told(apart)}\nbound to persons:   {told(bound)}\n")
    found = bound.identities(AS_OF)
    channels, resolution = found.channels(), bound.resolution(AS_OF)
    print(f"{channels}\n\n{resolution}\n\n{len(found.refused):,} links wait for review")
    for one in found.suspicious(many_identifiers=3)[:5]:
        print(f"  {one}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name, report in (("channels", channels), ("resolution", resolution)):
        path = options.out / f"{name}.png"
        report.plot().figure.savefig(path, dpi=150, bbox_inches="tight")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
