"""How a person is known in each channel: poster scans before sign-up, and identifiers."""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.datasets.synthetic.columns import choice_text, id_bytes, instants, random_bytes, text
from userops.datasets.synthetic.people import OFFLINE_SOURCES, SOURCES, People
from userops.datasets.synthetic.setting import DAY_S, Setting, time_order

__all__ = [
    "IDENTIFIER_KINDS",
    "Identifier",
    "Scans",
    "draw_identifiers",
    "draw_scans",
    "identifiers_table",
    "poster_scans_table",
]

IDENTIFIER_KINDS = ("phone", "openid", "unionid", "external_userid", "taobao_id", "email")
_NEVER = np.iinfo(np.int64).max
_OPENID_LETTERS = 26
# Multiplication by a number without a factor 2 or 5 permutes the numbers below a power of ten:
# unique numbers that do not look like a sequence.
_PHONE_STEP, _NUMBER_STEP, _MAIL_STEP = 618_970_019, 479_001_599, 715_225_739
_BILLION = 10**9


@attrs.frozen(eq=False)
class Scans:
    """Scans of poster codes, in no particular order; one entry each.

    Attributes:
        person: Customer who scanned; from the number of customers on, a stranger.
        seconds: When.
        source: Poster, as a position in `SOURCES`.
        first_s: For each customer, the first scan before sign-up, a huge number for none.
    """

    person: NDArray[np.int64]
    seconds: NDArray[np.int64]
    source: NDArray[np.int16]
    first_s: NDArray[np.int64]


def draw_scans(setting: Setting, people: People) -> Scans:
    """Draw scans before the sign-up, after it, and by people who never sign up."""
    rng = setting.rng("poster scans")
    span_s = setting.calendar.span_s
    before = np.flatnonzero(people.is_offline | (rng.random(people.count) < 0.05))
    before = np.repeat(before, rng.integers(1, 4, before.size))
    room = people.joined_s[before] - 1
    wait = (rng.standard_exponential(before.size) * 2 * DAY_S).astype(np.int64) + 20
    # A wait longer than the shop has existed is drawn again, evenly, from what there is.
    wait = np.where(wait < room, wait, 1 + (rng.random(before.size) * room).astype(np.int64))
    early = people.joined_s[before] - wait
    assert before.size == 0 or int(early.min()) >= 0

    scanners = np.unique(before)
    later = scanners[rng.random(scanners.size) < 0.3]
    room = span_s - 1 - people.joined_s[later]
    late = people.joined_s[later] + 1 + (rng.random(later.size) * room).astype(np.int64)

    strangers = people.count + np.arange(int(0.15 * people.count))
    passing = setting.calendar.seconds_at_arrivals(rng.random(strangers.size))

    # Those who came from a poster scanned that one, so scan and sign-up agree on the source.
    own = people.source[before]
    other = rng.integers(0, OFFLINE_SOURCES, before.size + later.size + strangers.size)
    source = other.astype(np.int16)
    np.copyto(source[: before.size], own, where=people.is_offline[before])
    first = np.full(people.count, _NEVER, dtype=np.int64)
    np.minimum.at(first, before, early)
    return Scans(
        person=np.concatenate((before, later, strangers)),
        seconds=np.concatenate((early, late, passing)),
        source=source,
        first_s=first,
    )


def _openids(setting: Setting, people: People) -> NDArray[np.uint8]:
    """Write the openid of every customer, used or not, one row of bytes each."""
    return random_bytes(setting.rng("openid"), people.count, _OPENID_LETTERS, prefix="oU")


def poster_scans_table(setting: Setting, people: People, scans: Scans) -> pa.Table:
    """Build the table `poster_scans`; before the sign-up there is an openid and no customer."""
    order = time_order(scans.seconds)
    person, seconds = scans.person[order], scans.seconds[order]
    strangers = int(0.15 * people.count)
    letters = np.concatenate(
        (
            _openids(setting, people),
            random_bytes(setting.rng("stranger openid"), strangers, _OPENID_LETTERS, prefix="oU"),
        )
    )
    known = np.minimum(person, people.count - 1)
    anonymous = (person >= people.count) | (seconds < people.joined_s[known])
    return pa.table(
        {
            "event_id": text(id_bytes("ps", np.arange(1, order.size + 1), 7)),
            "customer_id": text(people.ids.take(known, axis=0), anonymous),
            "identifier_kind": choice_text(
                np.full(order.size, IDENTIFIER_KINDS.index("openid"), np.int8), IDENTIFIER_KINDS
            ),
            "identifier_value": text(letters.take(person, axis=0)),
            "occurred_at": instants(setting.calendar, seconds),
            "channel": choice_text(np.zeros(order.size, dtype=np.int8), ("offline",)),
            "source": choice_text(scans.source[order], SOURCES),
        }
    )


@attrs.frozen(eq=False)
class Identifier:
    """One kind of identifier: who has it, and when they could be reached by it.

    Attributes:
        kind: The kind.
        owner: Customers who have one, ascending.
        value: The value of each, one row of bytes.
        first_s: When the shop first saw it.
        opted_in_s: When the customer agreed to be contacted by it, a huge number for never.
        opted_out_s: When they took that back, a huge number for never.
    """

    kind: str
    owner: NDArray[np.int64]
    value: NDArray[np.uint8]
    first_s: NDArray[np.int64]
    opted_in_s: NDArray[np.int64]
    opted_out_s: NDArray[np.int64]


def _scrambled(prefix: str, owner: NDArray[np.int64], step: int, suffix: str) -> NDArray[np.uint8]:
    numbers = id_bytes(prefix, (owner + 1) * step % _BILLION, 9)
    tail = np.frombuffer(suffix.encode("ascii"), dtype=np.uint8)
    return np.hstack((numbers, np.broadcast_to(tail, (owner.size, tail.size))))


def _values(
    setting: Setting, people: People, kind: str, owner: NDArray[np.int64]
) -> NDArray[np.uint8]:
    match kind:
        case "phone":
            # No mobile number begins with 12, so none of these is anybody's.
            return _scrambled("12", owner, _PHONE_STEP, "")
        case "openid":
            return _openids(setting, people)[owner]
        case "unionid":
            return random_bytes(setting.rng("unionid"), people.count, 25, prefix="o6_")[owner]
        case "external_userid":
            return random_bytes(setting.rng("external_userid"), people.count, 28, prefix="wm")[
                owner
            ]
        case "taobao_id":
            return _scrambled("tb", owner, _NUMBER_STEP, "")
        case _:
            return _scrambled("u", owner, _MAIL_STEP, "@example.com")


def draw_identifiers(setting: Setting, people: People, scans: Scans) -> dict[str, Identifier]:
    """Draw for each kind who has an identifier, since when, and with which consent."""
    rng = setting.rng("identifiers")
    span_s, joined = setting.calendar.span_s, people.joined_s
    scanned = scans.first_s < joined
    on_phone = (people.channel == 0) | scanned
    has_openid = on_phone | (rng.random(people.count) < 0.3)
    # Kind -> chance or fact of having one, mean wait after sign-up in days, chance to opt in.
    plan = {
        "phone": (np.full(people.count, 0.95), 0.0, 0.70),
        "openid": (has_openid.astype(np.float64), 0.0, 0.50),
        "unionid": (has_openid * 0.85, 0.0, 0.0),
        "external_userid": (np.where(people.guide >= 0, 0.9, 0.25), 20.0, 0.90),
        "taobao_id": (np.where(people.channel == 1, 0.95, 0.15), 10.0, 0.0),
        "email": (np.full(people.count, 0.15), 15.0, 0.60),
    }
    found = {}
    for kind in IDENTIFIER_KINDS:
        chance, wait_days, opt_in = plan[kind]
        wait = (rng.standard_exponential(people.count) * wait_days * DAY_S).astype(np.int64)
        known_s = joined + wait
        agrees = rng.random(people.count) < opt_in
        agreed_s = known_s + rng.integers(0, 3_600, people.count)
        leaves = rng.random(people.count) < 0.15
        out_s = agreed_s + 1 + (rng.exponential(200.0, people.count) * DAY_S).astype(np.int64)
        # An openid that scanned a poster was seen before its owner signed up.
        seen_s = np.minimum(known_s, scans.first_s) if kind == "openid" else known_s
        owner = np.flatnonzero((rng.random(people.count) < chance) & (seen_s < span_s))
        opted_in = np.where(agrees & (agreed_s < span_s), agreed_s, _NEVER)
        opted_out = np.where((opted_in < _NEVER) & leaves & (out_s < span_s), out_s, _NEVER)
        found[kind] = Identifier(
            kind=kind,
            owner=owner,
            value=_values(setting, people, kind, owner),
            first_s=seen_s[owner],
            opted_in_s=opted_in[owner],
            opted_out_s=opted_out[owner],
        )
    return found


def identifiers_table(
    setting: Setting, people: People, identifiers: dict[str, Identifier]
) -> pa.Table:
    """Build the table `identifiers`, by customer and then by kind."""
    kinds = [identifiers[kind] for kind in IDENTIFIER_KINDS]
    owner = np.concatenate([kind.owner for kind in kinds])
    code = np.repeat(np.arange(len(kinds), dtype=np.int8), [kind.owner.size for kind in kinds])
    order = np.argsort(owner, kind="stable")
    values = pa.concat_arrays([chunk for kind in kinds for chunk in text(kind.value).chunks])
    first = np.concatenate([kind.first_s for kind in kinds])[order]
    opted_in = np.concatenate([kind.opted_in_s for kind in kinds])[order]
    opted_out = np.concatenate([kind.opted_out_s for kind in kinds])[order]
    return pa.table(
        {
            "customer_id": text(people.ids.take(owner[order], axis=0)),
            "kind": choice_text(code[order], IDENTIFIER_KINDS),
            "value": values.take(pa.array(order)),
            "first_seen_at": instants(setting.calendar, first),
            "opted_in_at": _instants_or_never(setting, opted_in),
            "opted_out_at": _instants_or_never(setting, opted_out),
        }
    )


def _instants_or_never(setting: Setting, seconds: NDArray[np.int64]) -> pa.Array:
    never = seconds == _NEVER
    return instants(setting.calendar, np.where(never, 0, seconds), never)
