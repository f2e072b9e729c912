"""How each identifier stands, said of the rows of all: `reach_rows` says it of one customer's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import floor_div
from userops.customers.reach_rows import CODES
from userops.events.columns import CUSTOMER_ID, INSTANT_US
from userops.events.working_columns import PREFIX

__all__ = ["CODE", "FARTHEST_US", "KIND", "OWNER", "VALUE", "identifier_states"]

KIND, VALUE, CODE = PREFIX + "kind", PREFIX + "value", PREFIX + "code"
OWNER = PREFIX + "owner"
_CONSENT, _DELIVERY = PREFIX + "consent", PREFIX + "delivery"
# Instants are packed with a code of three bits, so that one aggregate finds the latest of both.
_PER_INSTANT = 8
FARTHEST_US = 2**58


def identifier_states(rows: frames.Frame, without_consent: Sequence[str]) -> frames.Frame:
    """Return one row an identifier and customer; see `Reach.states_before`.

    Args:
        rows: What counts: owner, kind, value, instant and code.
        without_consent: Kinds that need no consent.
    """
    packed = nw.col(INSTANT_US) * _PER_INSTANT + nw.col(CODE)
    is_consent = nw.col(CODE) <= CODES["opted_out"]
    states = (
        rows.with_columns(
            nw.when(is_consent).then(packed).alias(_CONSENT),
            nw.when(~is_consent).then(packed).alias(_DELIVERY),
        )
        .group_by(KIND, VALUE)
        .agg(nw.col(_CONSENT).max(), nw.col(_DELIVERY).max())
    )
    owners = rows.filter(~nw.col(OWNER).is_null()).select(KIND, VALUE, OWNER)
    owners = frames.counted_by(owners, [KIND, VALUE, OWNER]).drop("rows")
    states = states.join(owners, on=[KIND, VALUE], how="left")
    for column in (_CONSENT, _DELIVERY):
        us = floor_div(nw.col(column), _PER_INSTANT)
        states = states.with_columns(us.alias(f"{column}_us"))
        code = nw.col(column) - nw.col(f"{column}_us") * _PER_INSTANT
        states = states.with_columns(code.alias(f"{column}_code"))
    consent, delivery = (nw.col(f"{c}_code").fill_null(0) for c in (_CONSENT, _DELIVERY))
    needs = ~nw.col(KIND).is_in(list(without_consent)) if without_consent else (
        nw.lit(True)
    )  # fmt: skip
    may = (consent == CODES["opted_in"]) | ((consent == 0) & ~needs)
    return states.select(
        nw.col(OWNER).alias(CUSTOMER_ID),
        nw.col(KIND).alias("identifier_kind"),
        nw.col(VALUE).alias("identifier_value"),
        _word(consent, ("opted_in", "opted_out")).alias("consent"),
        nw.col(f"{_CONSENT}_us").alias("consent_us"),
        _word(delivery, ("reachable", "unreachable", "blocked")).alias("delivery"),
        nw.col(f"{_DELIVERY}_us").alias("delivery_us"),
        (may & (delivery <= CODES["reachable"])).alias("is_reachable"),
    )


def _word(code: nw.Expr, words: tuple[str, ...]) -> nw.Expr:
    said: Any = nw.lit(None, nw.String)
    for word in words:
        said = nw.when(code == CODES[word]).then(nw.lit(word)).otherwise(said)
    found: nw.Expr = said
    return found
