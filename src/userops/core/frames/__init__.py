"""Dataframes of every engine behind one face: the only package that names a dataframe engine.

Contract:

* Anything that narwhals reads comes in through `read`; inside the library it is a
  `narwhals.stable.v2.LazyFrame`; `Source.give_back` hands out the type that came in.
* pandas frames are computed on as Arrow tables. numpy-backed pandas has no null for integers,
  text or booleans, and its group-by is several times slower than Arrow's; columns that Arrow
  already backs are shared, not copied.
* Instants are int64 microseconds since 1970-01-01 UTC inside the library, and days are counted
  from then as well: the one form of time whose arithmetic is the same on every engine.
  `with_epoch_us`, `with_datetime` and `with_date` convert.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.core.frames.by_key import answers_by_key, joined
    from userops.core.frames.by_place import with_nobody
    from userops.core.frames.conversions import BACKENDS, Engine, from_arrow
    from userops.core.frames.dialects import (
        constant,
        unpivoted,
        with_date,
        with_datetime,
        with_epoch_us,
        with_first_true,
        with_sticky_hash,
    )
    from userops.core.frames.grouping import Aggregate, totals_by_key
    from userops.core.frames.keyed_hash import with_pseudonyms
    from userops.core.frames.matches import with_matches
    from userops.core.frames.morsels import by_morsel, is_never_blank, may_hold
    from userops.core.frames.number_columns import read_columns, whole_numbers, with_floats_read
    from userops.core.frames.order import (
        column_values,
        distinct_rows,
        keys_at_ranks,
        values_at_ranks,
        with_running,
    )
    from userops.core.frames.row_functions import with_decided
    from userops.core.frames.settling import settled
    from userops.core.frames.sources import (
        Frame,
        Source,
        alike,
        backend_of,
        concat_rows,
        counted_by,
        differing,
        in_one_piece,
        is_null_column,
        native_type,
        nearby,
        number_table,
        read,
        scattered,
        small_table,
        text_table,
        to_arrow,
        to_rows,
    )
    from userops.core.frames.sql_text import sql_text
    from userops.core.frames.totals import Condition, Distinct, First, Top, Total
    from userops.core.frames.uniqueness import proves_unique
    from userops.core.frames.whole_customers import Kind, by_whole_customers, kind_type

__all__ = [
    "BACKENDS",
    "Aggregate",
    "Condition",
    "Distinct",
    "Engine",
    "First",
    "Frame",
    "Kind",
    "Source",
    "Top",
    "Total",
    "alike",
    "answers_by_key",
    "backend_of",
    "by_morsel",
    "by_whole_customers",
    "column_values",
    "concat_rows",
    "constant",
    "counted_by",
    "differing",
    "distinct_rows",
    "from_arrow",
    "in_one_piece",
    "is_never_blank",
    "is_null_column",
    "joined",
    "keys_at_ranks",
    "kind_type",
    "may_hold",
    "native_type",
    "nearby",
    "number_table",
    "proves_unique",
    "read",
    "read_columns",
    "scattered",
    "settled",
    "small_table",
    "sql_text",
    "text_table",
    "to_arrow",
    "to_rows",
    "totals_by_key",
    "unpivoted",
    "values_at_ranks",
    "whole_numbers",
    "with_date",
    "with_datetime",
    "with_decided",
    "with_epoch_us",
    "with_first_true",
    "with_floats_read",
    "with_matches",
    "with_nobody",
    "with_pseudonyms",
    "with_running",
    "with_sticky_hash",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "by_key": ("answers_by_key", "joined"),
        "by_place": ("with_nobody",),
        "conversions": ("BACKENDS", "Engine", "from_arrow"),
        "dialects": (
            "constant",
            "unpivoted",
            "with_date",
            "with_datetime",
            "with_epoch_us",
            "with_first_true",
            "with_sticky_hash",
        ),
        "grouping": ("Aggregate", "totals_by_key"),
        "keyed_hash": ("with_pseudonyms",),
        "matches": ("with_matches",),
        "morsels": ("by_morsel", "is_never_blank", "may_hold"),
        "number_columns": ("read_columns", "whole_numbers", "with_floats_read"),
        "order": (
            "column_values",
            "distinct_rows",
            "keys_at_ranks",
            "values_at_ranks",
            "with_running",
        ),
        "row_functions": ("with_decided",),
        "settling": ("settled",),
        "sources": (
            "Frame",
            "Source",
            "alike",
            "backend_of",
            "concat_rows",
            "counted_by",
            "differing",
            "in_one_piece",
            "is_null_column",
            "native_type",
            "nearby",
            "number_table",
            "number_table",
            "read",
            "scattered",
            "small_table",
            "text_table",
            "to_arrow",
            "to_rows",
        ),
        "sql_text": ("sql_text",),
        "totals": ("Condition", "Distinct", "First", "Top", "Total"),
        "uniqueness": ("proves_unique",),
        "whole_customers": ("Kind", "by_whole_customers", "kind_type"),
    },
)
