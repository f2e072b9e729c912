"""Everything that rules ask of a history, as one frame with a row for each customer.

First all rules say what they need; then each table is looked at once, whatever the number of rules;
then each rule is an expression over the columns of the frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.log import CustomerLog
from userops.core.money import major_expr
from userops.core.sequences import Steps, completes
from userops.core.shards import fold_by_customer
from userops.customers.agreement import kind_of_ids
from userops.customers.attribute_tables import distinct_ids
from userops.customers.attributes import Customers
from userops.errors import InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID, INSTANT_US
from userops.rules.custom import CustomRule
from userops.rules.facts_of_table import TableFacts
from userops.rules.features import Aggregate
from userops.rules.node import Node, Rule, Term
from userops.rules.one_customer import ratio_scale
from userops.rules.pilot import Pilot
from userops.rules.reading import Column
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence
from userops.rules.tables import Rows, rows_of
from userops.rules.value import Attr, Ratio
from userops.rules.windows import Since

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["Facts"]

# Bits of a mask, of which the sign is not one.
_MOST_BITS = 62


@attrs.frozen
class _Completed:
    """Several sequences as one fold."""

    sequences: Mapping[str, Steps]

    def __call__(self, log: CustomerLog) -> Mapping[str, Any]:
        mask = log.columns["mask"]
        return {name: completes(log, mask, steps) for name, steps in self.sequences.items()}


class Facts:
    """What rules ask of a history as of an instant.

    Attributes:
        zone: The zone of the data.
        as_of_us: The instant, exclusive.
    """

    def __init__(self, history: History, as_of_us: int, *, allow_python: bool = False) -> None:
        self._allow_python = allow_python
        self.zone, self.as_of_us = history.zone, as_of_us
        self.source = next(iter(history.events.values())).source
        self._history = history
        self._columns = {name: table.columns for name, table in history.events.items()}
        self._nets = history.returns == "net"
        self._tables: dict[str, TableFacts] = {}
        self._attributes: dict[str, str] = {}
        # Key of a node, to its column once all customers are in one frame.
        self._found: dict[str, Column] = {}
        self._sequences: dict[str, Sequence] = {}
        self._salts: dict[str, str] = {}
        self._pythons: dict[str, CustomRule] = {}

    # What is asked

    def need(self, node: Node) -> None:
        """Take in what a rule or a term of scope `customer` looks at."""
        for part in _asked_of_customers(node):
            if isinstance(part, Aggregate):
                self._need_aggregate(part)
            elif isinstance(part, Sequence):
                self._sequences.setdefault(part.key, part)
            elif isinstance(part, Selection):
                self._need_events(part)
            elif isinstance(part, Attr):
                self._need_attribute(part)
            elif isinstance(part, Pilot):
                salt = f"{part.name}:"
                self._salts.setdefault(salt, f"userops__hash_{len(self._salts)}")
            elif isinstance(part, CustomRule) and part.is_python_alone:
                self._need_python(part)

    def _table(self, rows: Rows) -> TableFacts:
        if rows.table not in self._tables:
            self._tables[rows.table] = TableFacts(self._history, rows.table, self.as_of_us)
        return self._tables[rows.table]

    def _with_start(self, table: TableFacts, selection: Selection) -> None:
        window = selection.window
        if isinstance(window, Since):
            starts = Facts(self._history, self.as_of_us)
            starts.need(window.start)
            frame = starts.frame(everybody=False)
            column = starts.term(window.start)
            if column.kind not in ("instant", None):
                raise InvalidDefinitionError(
                    "since", f"{window.start} is no instant", got=column.kind, allowed="a datetime"
                )
            start = column.expr if column.kind else nw.lit(None, nw.Int64)
            table.start(window, frame.select(CUSTOMER_ID, start=start))

    def _need_aggregate(self, term: Aggregate) -> None:
        if term.key in self._found:
            return
        summed = term.of if term.how == "sum" else None
        rows = rows_of(term.events, self._columns, summed=summed, nets=self._nets)
        table = self._table(rows)
        self._with_start(table, term.events)
        self._found[term.key] = table.aggregate(term, rows.which)

    def _need_events(self, selection: Selection) -> None:
        if selection.key in self._found:
            return
        rows = rows_of(selection, self._columns)
        table = self._table(rows)
        self._with_start(table, selection)
        self._found[selection.key] = table.exists(selection, rows.which)

    def _need_attribute(self, term: Attr) -> None:
        if term.name not in self._attributes:
            self._history.attributes_before([term.name], self.as_of_us)  # refuses unknown names
            self._attributes[term.name] = f"userops__a{len(self._attributes)}"

    def _need_python(self, rule: CustomRule) -> None:
        if self.source.engine in ("pyspark", "ibis") and not self._allow_python:
            raise InvalidDefinitionError(
                type(rule).__name__, "is decided by Python alone, row by row",
                got=f"a frame of {self.source.engine}",
                hint="write expression(…) as well, or allow it with allow_python=True",
            )  # fmt: skip
        self._pythons.setdefault(rule.key, rule)

    # The frame

    def frame(self, *, everybody: bool) -> frames.Frame:
        """Return one row a customer, with every column that was asked for.

        Args:
            everybody: Whether customers must be there of whom nothing that was asked is known.
        """
        asked = [table for table in self._tables.values() if table.is_asked]
        parts = [table.answer(everybody=everybody) for table in asked]
        parts += self._attribute_frames() if self._attributes else []
        parts += self._sequence_frames() if self._sequences else []
        if everybody:
            parts += self._others()
        if not parts:
            parts = [self._history.customer_ids(self.as_of_us)]
        frame = frames.joined(parts, CUSTOMER_ID)
        frame = self._with_hashes(self._with_values(frame))
        for number, (key, rule) in enumerate(self._pythons.items()):
            inputs = {name: major(self.term(term)) for name, term in rule.terms().items()}
            name = f"userops__python_{number}"
            frame = frames.with_decided(self.source, frame, inputs, rule.holds, name)
            self._found[key] = Column(nw.col(name), "flag", is_counted=True)
        return frame

    def _others(self) -> list[frames.Frame]:
        """Return the customers of the tables of which no part holds all customers already."""
        events = [
            table
            for name, table in self._history.events.items()
            if not (name in self._tables and self._tables[name].tells_everybody)
        ]
        attributes = [
            table
            for table in self._history.attributes.tables.values()
            if not (isinstance(table, Customers) and set(table.names) & set(self._attributes))
        ]
        # A column of nulls alone has no type to stand beside the others.
        parts = [
            table.counted(before_us=self.as_of_us).select(CUSTOMER_ID)
            for table in events
            if kind_of_ids(table) is not None
        ]
        parts += [
            table.customer_ids(self.as_of_us)
            for table in attributes
            if kind_of_ids(table) is not None
        ]
        return [distinct_ids(parts)] if parts else []

    def _attribute_frames(self) -> list[frames.Frame]:
        tables = self._history.attributes_before(list(self._attributes), self.as_of_us)
        return [
            table.rename({n: c for n, c in self._attributes.items() if n in table.columns})
            for table in tables
        ]

    def _with_values(self, frame: frames.Frame) -> frames.Frame:
        """Put each value into a column of its own, so that rules share it."""
        values: dict[str, nw.Expr] = {}
        for key, column in list(self._found.items()):
            name = f"userops__v{len(values)}"
            values[name] = column.expr
            self._found[key] = attrs.evolve(column, expr=nw.col(name))
        kinds = self._history.attribute_kinds if self._attributes else {}
        for name, column_name in self._attributes.items():
            self._found[Attr(name).key] = Column(nw.col(column_name), kinds[name])
        for number, key in enumerate(self._sequences):
            done = nw.col(f"userops__s{number}").fill_null(False)
            self._found[key] = Column(done, "flag", is_counted=True)
        kept = [CUSTOMER_ID, *self._attributes.values()]
        kept += [f"userops__s{number}" for number in range(len(self._sequences))]
        return frame.select(*kept, *(value.alias(name) for name, value in values.items()))

    def _with_hashes(self, frame: frames.Frame) -> frames.Frame:
        for salt, name in self._salts.items():
            text = nw.concat_str(nw.lit(salt), nw.col(CUSTOMER_ID).cast(nw.String))
            frame = frame.with_columns(text.alias(f"{name}_text"))
            frame = frames.with_sticky_hash(self.source, frame, f"{name}_text", name)
            frame = frame.drop(f"{name}_text")
        return frame

    def _sequence_frames(self) -> list[frames.Frame]:
        """Fold the sequences, as many at once as a mask has bits."""
        batches: list[tuple[dict[str, int], dict[str, Steps]]] = [({}, {})]
        events: dict[str, Selection] = {}
        for number, rule in enumerate(self._sequences.values()):
            keys = {event.key: event for event in (*rule.steps, *rule.without)}
            events |= keys
            bits, steps = batches[-1]
            if len(bits | dict.fromkeys(keys, 0)) > _MOST_BITS:
                batches.append(({}, {}))
                bits, steps = batches[-1]
            for key in keys:
                bits.setdefault(key, len(bits))
            steps[f"userops__s{number}"] = Steps(
                bits=tuple(bits[event.key] for event in rule.steps),
                without_bits=tuple(bits[event.key] for event in rule.without),
                within_us=None if rule.within is None else rule.within.us,
            )
        return [self._folded(bits, steps, events) for bits, steps in batches]

    def _folded(
        self, bits: dict[str, int], steps: dict[str, Steps], events: dict[str, Selection]
    ) -> frames.Frame:
        by_table: dict[str, dict[int, Any]] = {}
        for key, bit in bits.items():
            rows = rows_of(events[key], self._columns)
            self._table(rows)
            by_table.setdefault(rows.table, {})[bit] = (events[key], rows.which)
        parts = [self._tables[name].rows_of(given) for name, given in by_table.items()]
        return fold_by_customer(
            self.source,
            frames.concat_rows(parts) if len(parts) > 1 else parts[0],
            key=CUSTOMER_ID,
            instant=INSTANT_US,
            columns=["mask"],
            fold=_Completed(steps),
            kinds=dict.fromkeys(steps, "flag"),
        )

    # Reading the frame

    def term(self, term: Term) -> Column:
        """Return the column of a term; only after `frame`."""
        found = self._found.get(term.key)
        if found is None:
            if not isinstance(term, Ratio):
                raise InvalidDefinitionError(
                    "value", "is not a value of the customer", got=str(term)
                )
            found = self._found[term.key] = self._ratio(term)
        return found

    def _ratio(self, term: Ratio) -> Column:
        over, under = self.term(term.over), self.term(term.under)
        for column in (over, under):
            if column.kind not in ("whole", "number", "money", None):
                raise InvalidDefinitionError(str(term), "is no ratio of numbers", got=column.kind)
        if None in (over.kind, under.kind):
            return Column(nw.lit(None, nw.Float64), "number")
        a, b = (
            column.expr if column.kind == "number" else column.expr / 1 for column in (over, under)
        )
        divisor = float(10 ** ratio_scale(over.kind, under.kind, over.scale, under.scale))
        some: Any = nw.when(b != 0.0).then(b * divisor)
        return Column(a / some, "number")

    def rule(self, rule: Rule) -> nw.Expr:
        """Return the column of a rule; only after `frame`."""
        return rule.column(self)

    def events(self, selection: Selection) -> nw.Expr:
        """Return whether there is an event of a selection."""
        return self._found[selection.key].expr

    def sequence(self, rule: Sequence) -> nw.Expr:
        """Return whether a sequence was completed."""
        return self._found[rule.key].expr

    def hashed_ids(self, salt: str) -> nw.Expr:
        """Return the sticky hash of a text and the customer's id."""
        return nw.col(self._salts[salt])

    def ids_upto(self, last: str | int) -> nw.Expr:
        """Return whether the customer's id is at most another one."""
        wanted: Any = nw.lit(last) if isinstance(last, str) else nw.lit(last, nw.Int64)
        upto: nw.Expr = nw.col(CUSTOMER_ID) <= wanted
        return upto

    def custom(self, rule: CustomRule) -> nw.Expr:
        """Return a rule of the user's own."""
        if rule.key in self._found:
            return self._found[rule.key].expr
        columns = {name: major(self.term(term)) for name, term in rule.terms().items()}
        said = rule.expression(**columns)
        assert said is not None  # else it is decided by Python alone
        answer: nw.Expr = said.fill_null(False)
        return answer


def major(column: Column) -> nw.Expr:
    """Return a column with money in major units."""
    return major_expr(column.expr, column.scale) if column.kind == "money" else column.expr


def _asked_of_customers(node: Node) -> list[Node]:
    """Return the parts of a rule that are asked of customers, not of single events."""
    if isinstance(node, Aggregate | Selection | Sequence):
        return [node]
    found = [node]
    for child in node.nodes():
        found += _asked_of_customers(child)
    return found
