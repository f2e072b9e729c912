"""Everything that rules ask of a history, as one frame with a row for each customer.

First all rules say what they need; then each table is looked at once, whatever the number of rules;
then each rule is an expression over the columns of the frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.values import reach_of
from userops.errors import InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.rules.anniversary import Anniversary, with_days_of_year
from userops.rules.custom import CustomRule, major, said_in_columns
from userops.rules.facts_of_sequences import sequence_frames
from userops.rules.facts_of_table import TableFacts
from userops.rules.features import Aggregate
from userops.rules.node import Node, Rule, Term
from userops.rules.one_customer import ratio_units
from userops.rules.other_customers import other_customers
from userops.rules.pilot import Pilot
from userops.rules.reading import Column
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence
from userops.rules.settling import OfTable, Settling
from userops.rules.tables import Rows, rows_of
from userops.rules.value import Attr, Ratio
from userops.rules.windows import Since

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["Facts"]

# So many totals cost an engine more than reading the rows does; each row read takes 30 bytes or so.
_MANY_VALUES = 4
_MOST_ROWS_MOVED = 50_000_000


class Facts:
    """What rules ask of a history as of an instant.

    Attributes:
        zone: The zone of the data.
        as_of_us: The instant, exclusive.
        source: Where `frame()` is computed: as the history's, unless rows were moved into Arrow.
    """

    def __init__(
        self,
        history: History,
        as_of_us: int,
        *,
        allow_python: bool = False,
        may_move: bool = False,
    ) -> None:
        self._allow_python = allow_python
        self._may_move = may_move
        self.zone, self.as_of_us = history.zone, as_of_us
        self.source = history.source
        self._history = history
        self._columns = {name: table.columns for name, table in history.events.items()}
        self._nets = history.returns == "net"
        self._tables: dict[str, TableFacts] = {}
        self._attributes: dict[str, str] = {}
        # Key of a term at which a window starts, to where it starts for each customer.
        self._starts: dict[str, frames.Frame] = {}
        # Key of a node, to its column once all customers are in one frame.
        self._found: dict[str, Column] = {}
        # Column to what it is of customers whom its table does not know, where that is not null.
        self._absent: dict[str, Any] = {}
        self._sequences: dict[str, Sequence] = {}
        self._salts: dict[str, str] = {}
        self._pythons: dict[str, CustomRule] = {}
        # Key of a term whose day of the year is asked for, to the term and to its column.
        self._dates: dict[str, tuple[Term, str]] = {}

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
            elif isinstance(part, Anniversary):
                name = f"userops__year_{len(self._dates)}"
                self._dates.setdefault(part.value.key, (part.value, name))
            elif isinstance(part, CustomRule) and part.is_python_alone:
                self._need_python(part)

    def _table(self, rows: Rows) -> TableFacts:
        if rows.table not in self._tables:
            self._tables[rows.table] = TableFacts(self._history, rows.table, self.as_of_us)
        return self._tables[rows.table]

    def _with_start(self, table: TableFacts, selection: Selection) -> None:
        window = selection.window
        if isinstance(window, Since):
            key = window.start.key
            if key not in self._starts:
                self._starts[key] = self._starts_of(window.start)
            table.start(window, self._starts[key])

    def _starts_of(self, term: Term) -> frames.Frame:
        """Return `customer_id` and the `start` that a term is for each customer."""
        starts = Facts(self._history, self.as_of_us)
        starts.need(term)
        frame = starts.frame(everybody=False)
        column = starts.term(term)
        if column.kind not in ("instant", None):
            raise InvalidDefinitionError(
                "since", f"{term} is no instant", got=column.kind, allowed="a datetime"
            )
        start = column.expr if column.kind else nw.lit(None, nw.Int64)
        frame = frame.select(CUSTOMER_ID, start=start)
        # Joined to the rows of each grouping, it would be computed again for each of them.
        return starts.source.materialise(frame) if starts.source.is_sql else frame

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
            if term.name not in self._history.attribute_names:
                self._history.attributes_before([term.name], self.as_of_us)  # refuses it
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

    def frame(self, *, everybody: bool, members: Iterable[Node] = ()) -> frames.Frame:
        """Return one row a customer, with every column that was asked for.

        Args:
            everybody: Whether customers must be there of whom nothing that was asked is known.
            members: The rules and values that alone will be read; where rows are in Arrow, nothing
                else is kept. Without any, all that was asked for is.
        """
        for sequence in self._sequences.values():
            for events in (*sequence.steps, *sequence.without):
                rows, table = self._table_of(events)
                table.fold(events, rows.which)
        asked = [table for table in self._tables.values() if table.is_asked]
        in_arrow = self._may_move and self._is_worth_moving(asked)
        parts = self._table_frames(list(members), everybody=everybody, in_arrow=in_arrow)
        parts += self._attribute_frames() if self._attributes else []
        parts += self._sequence_frames(in_arrow=in_arrow) if self._sequences else []
        if everybody:
            told = {name for name, table in self._tables.items() if table.tells_everybody}
            parts += other_customers(self._history, told, set(self._attributes), self.as_of_us)
        if not parts:
            parts = [self._history.customer_ids(self.as_of_us)]
        if in_arrow:
            parts = [frames.read(frames.to_arrow(part)).frame for part in parts]
            self.source = attrs.evolve(self.source, engine="pyarrow")
        frame = frames.joined(parts, CUSTOMER_ID, self._absent)
        frame = self._with_hashes(self._with_values(frame))
        dates = {
            name: (self.term(term), self._reach(term))
            for term, name in self._dates.values()
            if self.term(term).kind in ("day", "instant")  # else the rule itself refuses it
        }
        if dates:
            frame = with_days_of_year(frame, dates, self.zone)
        for number, (key, rule) in enumerate(self._pythons.items()):
            inputs = {name: major(self.term(term)) for name, term in rule.looked_at.items()}
            name = f"userops__python_{number}"
            frame = frames.with_decided(self.source, frame, inputs, rule.decided, name)
            self._found[key] = Column(nw.col(name), "flag", is_counted=True)
        return frame

    def _reach(self, term: Term) -> tuple[int, int]:
        """Return between which instants a term of kind `instant` lies; zero is among them."""
        low, high = 0, 0
        if self.term(term).kind == "instant" and self.zone.changes_us:
            if isinstance(term, Attr):
                (frame,) = self._history.attributes_before([term.name], self.as_of_us)
                low, high = reach_of(frame, term.name)
            elif isinstance(term, Aggregate):
                table = self._table(rows_of(term.events, self._columns))
                low, high = table.reach(term.of)
        return min(low, 0), max(high, 0)

    def _table_frames(
        self, members: list[Node], *, everybody: bool, in_arrow: bool
    ) -> list[frames.Frame]:
        settles = bool(members) and (in_arrow or self.source.is_arrow)
        given = Settling(members, self._columns).tables if settles else {}
        settled: dict[str, Column] = {}
        parts: list[frames.Frame] = []
        for name, table in self._tables.items():
            if table.is_asked:
                part = table.answer(everybody=everybody, in_arrow=in_arrow, small=settles)
                if settles:
                    part = self._settled(
                        f"userops__{len(parts)}_", given.get(name, OfTable()), part, settled
                    )
                parts.append(part)
        if settles:
            self._found = settled
        return parts

    def _settled(
        self, prefix: str, given: OfTable, part: frames.Frame, settled: dict[str, Column]
    ) -> frames.Frame:
        """Return what a table gives, and enter its columns, as they are once tables are joined."""
        found = {key: Column(self.rule(rule), "flag") for key, rule in given.rules.items()}
        found |= {key: self._found[key] for key in given.values}
        names = {key: f"{prefix}{n}" for n, key in enumerate(found)}
        columns = {names[key]: column.expr for key, column in found.items()}
        part, nobody = frames.with_nobody(part, CUSTOMER_ID, columns)
        for key, column in found.items():
            settled[key] = attrs.evolve(column, expr=nw.col(names[key]))
        self._absent |= {name: value for name, value in nobody.items() if value is not None}
        return part

    def _is_worth_moving(self, asked: list[TableFacts]) -> bool:
        """Whether to read the rows into this process, where many totals cost a tenth.

        An engine looks at every row for each total; here only rows that satisfy its condition are.
        """
        return (
            self.source.is_in_process
            and not self.source.is_arrow
            and sum(table.values_asked for table in asked) >= _MANY_VALUES
            and max(table.rows for table in asked) <= _MOST_ROWS_MOVED
        )

    def handed_back(self, frame: frames.Frame) -> frames.Frame:
        """Return a frame made of `frame()` on the engine of the history."""
        source = self._history.source
        if source.engine == self.source.engine:
            return frame
        return frames.read(source.give_rows(frames.to_arrow(frame), once=True)).frame

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
            self._found[key] = Column(nw.col(f"userops__s{number}"), "flag", is_counted=True)
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

    def _table_of(self, events: Selection) -> tuple[Rows, TableFacts]:
        rows = rows_of(events, self._columns)
        return rows, self._table(rows)

    def _sequence_frames(self, *, in_arrow: bool) -> list[frames.Frame]:
        source = attrs.evolve(self.source, engine="pyarrow") if in_arrow else self.source
        named = ((f"userops__s{n}", rule) for n, rule in enumerate(self._sequences.values()))
        self._absent |= {f"userops__s{n}": False for n in range(len(self._sequences))}
        return sequence_frames(source, named, self._table_of)

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
        above, below = ratio_units(over, under)
        some: Any = nw.when(b != 0.0).then(b * below)
        ratio = a * above / some
        if over.kind == under.kind == "number":  # infinity over infinity
            ratio = nw.when(~ratio.is_nan()).then(ratio)
        # 0 over -5 is -0.0, which some engines group and look up apart from 0.0.
        ratio = nw.when(ratio == 0.0).then(nw.lit(0.0)).otherwise(ratio)
        return Column(ratio, "number")

    def rule(self, rule: Rule) -> nw.Expr:
        """Return the column of a rule; only after `frame`."""
        if isinstance(rule, Selection | CustomRule | Sequence):
            return rule.column(self)  # which know where to look
        found = self._found.get(rule.key)
        return rule.column(self) if found is None else found.expr

    def events(self, selection: Selection) -> nw.Expr:
        """Return whether there is an event of a selection."""
        return self._found[selection.key].expr

    def sequence(self, rule: Sequence) -> nw.Expr:
        """Return whether a sequence was completed."""
        return self._found[rule.key].expr

    def hashed_ids(self, salt: str) -> nw.Expr:
        """Return the sticky hash of a text and the customer's id."""
        return nw.col(self._salts[salt])

    def day_of_year(self, term: Term) -> nw.Expr:
        """Return the day of the year of a term, as month times 100 plus day; 0 where missing."""
        return nw.col(self._dates[term.key][1])

    @cached_property
    def _some_rows(self) -> frames.Frame:
        return next(iter(self._history.events.values())).counted()

    def ids_upto(self, last: str | int) -> nw.Expr | None:
        """Return whether the customer's id is at most another one; None for ids of another type."""
        dtype = self._some_rows.collect_schema()[CUSTOMER_ID]
        if dtype != nw.Unknown and dtype.is_integer() is isinstance(last, str):
            return None
        wanted = frames.constant(self._some_rows, CUSTOMER_ID, last)
        upto: nw.Expr = (nw.col(CUSTOMER_ID) <= wanted).fill_null(False)
        return upto

    def custom(self, rule: CustomRule) -> nw.Expr:
        """Return a rule of the user's own."""
        if rule.key in self._found:
            return self._found[rule.key].expr
        return said_in_columns(rule, self)


def _asked_of_customers(node: Node) -> list[Node]:
    """Return the parts of a rule that are asked of customers, not of single events."""
    if isinstance(node, Aggregate | Selection | Sequence):
        return [node]
    found = [node]
    for child in node.nodes():
        found += _asked_of_customers(child)
    return found
