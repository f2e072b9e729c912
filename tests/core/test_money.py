"""Money as exact minor units: against decimals for one value, and against every engine."""

from __future__ import annotations

import decimal
import math
import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import money
from userops.errors import InvalidDefinitionError

ROUNDINGS = ("half_even", "half_up")
# A float carries fifteen decimal digits for certain; amounts below this keep their cents.
SAFE_UNITS = 10**11


def exact(value: float) -> Decimal:
    """Return the decimal that a float was written as."""
    return Decimal(repr(value))


def rounded(value: float, scale: int, rounding: str) -> int:
    """Round the decimal that a float was written as, by the standard library."""
    mode = decimal.ROUND_HALF_EVEN if rounding == "half_even" else decimal.ROUND_HALF_UP
    with decimal.localcontext(prec=60):
        return int(exact(value).scaleb(scale).quantize(Decimal(1), rounding=mode))


def amounts_with(scale: int, units: st.SearchStrategy[int]) -> st.SearchStrategy[float]:
    """Return amounts with so many decimals."""
    return units.map(lambda n: n / 10**scale)


@pytest.mark.parametrize("scale", range(10))
@settings(max_examples=60, deadline=None)
@given(units=st.integers(-SAFE_UNITS, SAFE_UNITS))
def test_an_amount_that_fits_becomes_its_units(scale: int, units: int) -> None:
    """The float nearest to n units in major units becomes exactly n, at every scale."""
    assert money.minor_of(units / 10**scale, scale) == units
    assert money.minor_of(units, scale) == units * 10**scale


@pytest.mark.parametrize("scale", range(9))
@settings(max_examples=60, deadline=None)
@given(units=st.integers(-SAFE_UNITS, SAFE_UNITS).filter(lambda n: n % 10))
def test_a_further_decimal_is_refused(scale: int, units: int) -> None:
    """An amount with one decimal more than the scale does not fit, and fits the next scale."""
    amount = units / 10 ** (scale + 1)

    assert money.minor_of(amount, scale) is None
    assert money.minor_of(amount, scale + 1) == units


@pytest.mark.parametrize("rounding", ROUNDINGS)
@settings(max_examples=300, deadline=None)
@given(units=st.integers(-(10**10), 10**10), scale=st.integers(0, 6), further=st.integers(1, 3))
def test_rounding_equals_that_of_decimals(
    rounding: Any, units: int, scale: int, further: int
) -> None:
    """A named rounding of what was written equals `Decimal.quantize`, ties and negatives included.

    1.005 is written as a tie, although its float lies below one.
    """
    amount = units / 10 ** (scale + further)

    assert money.minor_of(amount, scale, rounding) == rounded(amount, scale, rounding)


@pytest.mark.parametrize(
    ("amount", "even", "up"),
    [(1.005, 100, 101), (-1.005, -100, -101), (0.285, 28, 29), (2.675, 268, 268), (1.115, 112, 112),
     (-2.675, -268, -268), (0.125, 12, 13), (8.345, 834, 835), (0.005, 0, 1), (-0.005, 0, -1),
     (0.004999999, 0, 0), (1e-9, 0, 0), (-0.0, 0, 0), (123456.785, 12345678, 12345679)],
)  # fmt: skip
def test_rounding_of_famous_ties(amount: float, even: int, up: int) -> None:
    """The ties that floats are known for round as their decimals do."""
    assert money.minor_of(amount, 2, "half_even") == even
    assert money.minor_of(amount, 2, "half_up") == up


@pytest.mark.parametrize(
    ("amount", "scale", "units"),
    [(0.1 + 0.2, 2, 30), (3 * 2.55, 2, 765), (0.1 * 3, 1, 3), (1.1 * 1.1, 2, 121), (-0.0, 2, 0),
     (1e15, 0, 10**15), (float(2**51), 0, 2**51), (-float(2**51), 0, -(2**51)),
     (19.99 * 3, 2, 5997),
     (2251799813685247.0, 0, 2251799813685247), (-2251799813685247.0, 0, -2251799813685247),
     (1e9 + 0.01, 2, 100000000001), (5e-9, 9, 5), (0.07 * 100, 0, 7)],
)  # fmt: skip
def test_noise_of_arithmetic_is_forgiven(amount: float, scale: int, units: int) -> None:
    """What arithmetic makes of decimals fits, and so does every whole float up to 2**51."""
    assert money.minor_of(amount, scale) == units


@pytest.mark.parametrize(
    ("amount", "scale"),
    [(2.675, 2), (0.001, 2), (1e-12, 9), (0.30001, 2), (math.nan, 2), (math.inf, 2), (-math.inf, 0),
     (float(2**53) * 4, 0), (1e300, 2), (float(2**53), 1), (1e-320, 2), (100.004, 2)],
)  # fmt: skip
def test_what_does_not_fit_is_refused(amount: float, scale: int) -> None:
    """Further decimals, tiny amounts, NaN, infinities and floats beyond 2**51 units do not fit."""
    assert money.minor_of(amount, scale) is None


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, 1e300, float(2**53) * 4])
def test_rounding_does_not_make_money_of_what_is_too_large(amount: float, rounding: Any) -> None:
    """With a rounding named, NaN, infinities and floats beyond 2**51 units are still refused."""
    assert money.minor_of(amount, 2, rounding) is None


def test_large_amounts_with_few_decimals_fit() -> None:
    """An amount of 84,364,565.60 fits a scale of five, for it has one decimal."""
    assert money.minor_of(84364565.6, 5) == 8436456560000


def test_a_float_that_stands_for_several_amounts_is_refused() -> None:
    """An amount whose float is nearest to two counts of units is refused, rounding or not."""
    assert money.minor_of(83759681.9, 8, "half_even") in (None, 8375968190000000)


def sample_of_amounts() -> list[float]:
    """Return amounts of every size and number of decimals, and every special float."""
    rng = random.Random(1)
    written = [rng.randint(-(10**9), 10**9) / 10 ** rng.randint(0, 10) for _ in range(400)]
    ties = [
        (2 * rng.randint(-(10**7), 10**7) + 1) / 2 / 10**k for k in range(10) for _ in range(20)
    ]
    drawn = [rng.uniform(-1e6, 1e6) for _ in range(100)]
    special = [0.1 + 0.2, 2.675, 1e15, 3 * 2.55, -0.0, 0.0, math.nan, math.inf, -math.inf,
               float(2**53 + 1), float(2**53), -float(2**53), float(2**52 + 1), 4503599627370495.5,
               1e-320, 1e300, -1e300, 5e-324, 1.7976931348623157e308, 1.005, -1.005]  # fmt: skip
    return [*special, *written, *ties, *drawn]


AMOUNTS = sample_of_amounts()


@pytest.mark.parametrize("scale", [0, 2, 3, 9])
def test_columns_fit_as_single_amounts_do(engine: str, scale: int, computed: Any) -> None:
    """`fits_expr` and `minor_expr` decide as `minor_of` does on every engine; null never fits."""
    x = nw.col("x")
    expected = [money.minor_of(v, scale) for v in AMOUNTS]

    fits = computed(engine, money.fits_expr(x, scale), [*AMOUNTS, None], pa.float64())
    minor = computed(engine, money.minor_expr(x, scale), [*AMOUNTS, None], pa.float64())

    assert fits == [*(v is not None for v in expected), False]
    assert [m for m, fit in zip(minor, fits, strict=True) if fit] == [
        v for v in expected if v is not None
    ]


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("scale", [0, 2, 5])
def test_columns_round_as_single_amounts_do(
    kernel: str, scale: int, rounding: Any, computed: Any
) -> None:
    """`minor_expr` with a rounding equals `minor_of` on every engine, and never fails."""
    expected = [money.minor_of(v, scale, rounding) for v in AMOUNTS]

    minor = computed(kernel, money.minor_expr(nw.col("x"), scale, rounding), AMOUNTS, pa.float64())

    pairs = zip(AMOUNTS, minor, expected, strict=True)
    assert [(v, m) for v, m, e in pairs if e is not None and m != e] == []


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats() | amounts_with(3, st.integers(-(10**9), 10**9)), max_size=30),
    st.integers(0, 9),
    st.sampled_from([None, *ROUNDINGS]),
)
def test_any_float_is_decided_alike_in_columns(
    computed: Any, values: list[float], scale: int, rounding: Any
) -> None:
    """Whatever float there is, a column and a single amount agree on it."""
    x = nw.col("x")
    expected = [money.minor_of(v, scale, rounding) for v in values]

    fits = computed("polars", money.fits_expr(x, scale), values, pa.float64())
    minor = computed("polars", money.minor_expr(x, scale, rounding), values, pa.float64())

    assert fits == [money.minor_of(v, scale) is not None for v in values]
    known = [(m, e) for m, e in zip(minor, expected, strict=True) if e is not None]
    assert all(m == e for m, e in known)


UNITS = [0, 1, -1, 5, 170_700, -170_700, 171, 2_675, 10**15 + 1, 2**53, 2**53 - 1, -(2**53) + 1]
BEYOND = [2**53 + 1, 2**62 - 1, -(2**62), 10**17 + 7]


@pytest.mark.parametrize("scale", [0, 1, 2, 3, 9])
def test_major_units_are_the_nearest_float_on_every_engine(
    engine: str, scale: int, computed: Any
) -> None:
    """`major_expr` equals Python's division of the units, to the last bit."""
    rng = random.Random(scale)
    units = [*UNITS, *(rng.randrange(-(10**12), 10**12) for _ in range(200))]

    found = computed(engine, money.major_expr(nw.col("x"), scale), [*units, None], pa.int64())

    assert found == [*(n / 10**scale for n in units), None]


@pytest.mark.parametrize("scale", [0, 2])
def test_major_units_beyond_2_53_are_computed_on_every_engine(
    engine: str, scale: int, computed: Any
) -> None:
    """`major_expr` takes sums up to 2**62, which Arrow would not cast to floats."""
    found = computed(engine, money.major_expr(nw.col("x"), scale), BEYOND, pa.int64())

    assert found == [money.major_float(n, scale) for n in BEYOND]


def test_trap_03_major_units_do_not_depend_on_the_engine(computed: Any) -> None:
    """170,700 units at scale 3 are 170.7, although Polars divides by multiplying a reciprocal."""
    by_hand = computed("polars", nw.col("x").cast(nw.Float64) / 1000.0, [170_700], pa.int64())
    ours = computed("polars", money.major_expr(nw.col("x"), 3), [170_700], pa.int64())

    assert ours == [170.7]
    assert by_hand in ([170.7], [170.70000000000002]), "the engine as such may do either"


@settings(max_examples=300, deadline=None)
@given(st.integers(-(2**53), 2**53), st.integers(0, 9))
def test_major_float_is_the_nearest_double(units: int, scale: int) -> None:
    """`major_float` is the double nearest to the exact quotient, as far as floats hold units."""
    assert money.major_float(units, scale) == float(Fraction(units, 10**scale))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), (math.nan, None), (np.float64("nan"), None), (pd.NA, None),
     (Decimal("NaN"), None),
     ("", None), ("  \t", None), (5, 5), (np.int64(5), 5), (np.uint64(2**63), 2**63), (5.5, 5.5),
     (np.float64(5.5), 5.5), (Decimal("1.10"), 1.1), (Fraction(1, 4), 0.25), ("5", 5.0),
     ("+.5", 0.5),
     (" -5. ", -5.0), ("1e5", 1e5), ("1E-05", 1e-5), ("00012.50", 12.5), (math.inf, math.inf)],
)  # fmt: skip
def test_number_of_reads_one_number(value: object, expected: object) -> None:
    """Numbers of Python and numpy and plain text are read, missing in any form is None."""
    found = money.number_of(value)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    "value",
    [True, False, "abc", "1,000", "1_000", "0x10", "inf", "nan", "1e", "e5", "--5", "1.2.3", "5 5",
     "\uff11\uff12", "¥5", "5\x00", "1e100", "."],
)  # fmt: skip
def test_number_of_what_is_no_number_is_nan(value: object) -> None:
    """Booleans, grouped digits, other scripts and words are no numbers: NaN, not an error."""
    found = money.number_of(value)

    assert isinstance(found, float)
    assert math.isnan(found)


def test_an_integer_of_numpy_is_as_exact_as_one_of_python() -> None:
    """An integer of numpy stays an integer, so that it is exact beyond 2**53."""
    assert money.number_of(np.int64(2**62 + 1)) == 2**62 + 1
    assert money.minor_of(money.number_of(np.int64(2**62 + 1)) or 0, 0) == 2**62 + 1


NUMBER_TEXTS: list[str | None] = [
    "1", "+5", "-5", "5.", ".5", "-.5", "+.5", "1e5", "1E5", "1e-5", "1e99", "1e+05", "1e100",
    " 5 ",
    "\t5\n", "", "  ", None, "abc", "1_000", "1,000", "\uff11", "0x10", "inf", "nan", "1e",
    "e5", "--5", "+-5", "1.2.3", "0.1", "2.675", "123456789012345678901234567890",
    "0.0000000000000000001",
    "1e-99", "00012.50", "-0", "-0.0", "5 5", "5\n", "¥5", ".", "+", "9007199254740993",
    "0.30000000001",
]  # fmt: skip


def test_text_reads_as_the_same_number_on_every_engine(engine: str, computed: Any) -> None:
    """A column of text becomes the numbers that `number_of` reads, null where it is none."""
    found = computed(engine, money.parse_number_expr(nw.col("x")), NUMBER_TEXTS, pa.string())
    single = [money.number_of(text) for text in NUMBER_TEXTS]

    assert found == [None if n is None or math.isnan(n) else n for n in single]


@pytest.mark.parametrize("blank", ["\u3000", "\u00a0", "\x0b", "\x1c"])
def test_blanks_of_other_scripts_are_stripped_alike(blank: str, computed: Any) -> None:
    """An ideographic or no-break space around a number reads the same alone and in a column."""
    text = blank + "5"
    single = money.number_of(text)
    expected = None if single is None or math.isnan(single) else single

    for engine in ("pyarrow", "polars", "duckdb"):
        found = computed(engine, money.parse_number_expr(nw.col("x")), [text], pa.string())
        assert found == [expected]


@pytest.mark.parametrize("scale", [-1, 10, 2.0, "2", None, True, Decimal(2)])
def test_a_wrong_scale_is_refused(scale: object) -> None:
    """A scale that is no whole number from 0 to 9 is refused by name."""
    with pytest.raises(InvalidDefinitionError, match="scale") as caught:
        money.check_scale(scale)
    assert caught.value.field == "scale"


@pytest.mark.parametrize("rounding", ["up", "", "HALF_UP", 1, True, ["half_up"]])
def test_a_wrong_rounding_is_refused(rounding: object) -> None:
    """A rounding that is not known is refused, naming the ones that are."""
    with pytest.raises(InvalidDefinitionError, match="half_even"):
        money.check_rounding(rounding)


def test_every_right_scale_and_rounding_is_taken() -> None:
    """Scales 0 to 9, both roundings and none are taken as they are."""
    assert [money.check_scale(s) for s in range(10)] == list(range(10))
    assert [money.check_rounding(r) for r in (None, *ROUNDINGS)] == [None, *ROUNDINGS]


# Amounts of cents, some a little off, some beyond what a float holds exactly, and none at all.
floats = (
    st.integers(-SAFE_UNITS, SAFE_UNITS).map(lambda n: n / 100)
    | st.sampled_from([2.0**51 / 100, 2.0**51, 1e-9, 0.005, 0.01 + 1e-7, 0.01 + 1e-5, -0.0])
    | st.floats()
)


@settings(max_examples=300, deadline=None)
@given(st.lists(floats, max_size=4), st.integers(0, 4))
def test_plain_units_are_the_units_of_each(amounts: list[float], scale: int) -> None:
    """Either all amounts become what `minor_of` makes of each, or the look refuses to say."""
    units = money.plain_units(np.array(amounts), scale)

    if units is not None:
        assert units.tolist() == [money.minor_of(amount, scale) for amount in amounts]
    elif len(amounts) == 1 and math.isfinite(amounts[0]):
        # What one look does not settle is refused, or is tiny enough for the nearest float to be.
        fits = money.fits_expr(nw.col("x"), scale)
        frame = nw.from_native(pa.table({"x": amounts})).select(fits=fits)
        assert not frame["fits"].item() or abs(amounts[0]) * 10**scale < 2**27


def test_plain_units_of_ordinary_amounts_are_said() -> None:
    """The quick way is taken for what shops sell: every cent up to a hundred thousand."""
    cents = np.arange(-10_000_000, 10_000_000)
    assert np.array_equal(money.plain_units(cents / 100, 2), cents)
    assert money.plain_units(np.append(cents / 100, 0.005), 2) is None
    assert money.plain_units(np.array([1.0, math.nan]), 2) is None
