"""Numbers over time, as lines or stacked areas, with a share on a second scale."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.charts.axes import axes_inches, check_axes, new_axes
from userops.charts.colours import categorical_colours, colours_by_name
from userops.charts.fonts import ChartFont, chart_font
from userops.charts.labels import (
    Language,
    check_language,
    format_compact,
    format_percent,
    no_data,
)
from userops.charts.sequences import Floats, Values, check_length, numbers_of, series_of
from userops.charts.style import (
    add_legend,
    add_words,
    clean_axes,
    draw_nothing,
    inches_of,
    points_of,
    quiet_colour,
)
from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["timeline"]

_SHARE_NAMES: dict[Language, str] = {"en": "Share", "zh": "占比"}
_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_MARKED_DATES_MAX = 40
_TICK_STEPS = (1, 2, 5, 10)


def timeline(
    dates: Sequence[dt.date] | NDArray[np.datetime64],
    *,
    series: Mapping[str, Values],
    share: Values | None = None,
    share_label: str | None = None,
    kind: Literal["line", "area"] = "line",
    share_kind: Literal["line", "bars"] = "line",
    series_colours: Mapping[str, str] | None = None,
    title: str = "",
    y_label: str = "",
    values_format: Callable[[float], str] | None = None,
    share_format: Callable[[float], str] | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw numbers over dates, and where given a share of one on a second scale at the right.

    Lines differ in dash and marker too, not in colour alone. The scale begins at zero unless
    there are negative values.

    Args:
        dates: Days or instants, increasing; those with a zone are drawn as its wall clock shows.
        series: Values by name, one value per date; None or NaN leaves a gap in a line.
        share: Shares of one, one per date.
        share_label: What the share is.
        kind: `"line"`, or `"area"` to stack the series, whose values must be known and >= 0.
        share_kind: `"line"`, or `"bars"` behind the lines of the series.
        series_colours: Colours of some or all series; others get those for colour-blind readers.
        title: The title.
        y_label: What the values are.
        values_format: How a value is written; `format_compact` in the language by default.
        share_format: How a share is written; as a percentage by default.
        language: Language of numbers and of "no data".
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes of the series. Those of the share are made with `twinx` and labelled `share`.

    Raises:
        InvalidArgumentError: If lengths differ, dates do not increase, or values do not fit.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    days = _days_of(dates)
    numbers = series_of(series, expected=len(days), of="dates")
    name = share_label or _SHARE_NAMES[language]
    second = _share_of(share, expected=len(days), name=name, write=share_format)
    _check_kinds(kind, share_kind, numbers, second)
    colours = colours_by_name(
        numbers, chosen=series_colours, palette=categorical_colours, argument="series_colours"
    )
    write = values_format or partial(format_compact, language=language)
    words = "" if len(days) else no_data(language)
    font = chart_font([title, y_label, words, *_written(numbers, kind, write, second)])
    if ax is None:
        ax = new_axes(width_inches=8.0, height_inches=4.2, right_inches=0.8 if second else 0.2)
    handles: dict[str, Artist] = {}
    if words:
        draw_nothing(ax, words, font=font)
    else:
        handles |= _draw_series(ax, days, numbers, colours, kind)
        _dress(ax, days, numbers, write, font)
        if second is not None:
            handles[second.name] = _draw_share(ax, days, second, kind=share_kind, font=font)
    above = add_legend(ax, handles, font=font)
    add_words(ax, title=title, y_label=y_label, font=font, above_points=above)
    return ax


@attrs.frozen
class _Share:
    """Checked shares with their name and how they are written."""

    values: Floats
    name: str
    write: Callable[[float], str]


def _share_of(
    share: Values | None, *, expected: int, name: str, write: Callable[[float], str] | None
) -> _Share | None:
    if share is None:
        return None
    check_length("share", len(share), expected=expected, of="dates")
    values = numbers_of("share", share)
    return _Share(values, name, write or partial(format_percent, digits=_decimals_for(values)))


def _written(
    numbers: Mapping[str, Floats],
    kind: str,
    write: Callable[[float], str],
    second: _Share | None,
) -> list[str]:
    """Return names, and numbers with all the letters that the ticks will need."""
    columns = np.vstack(list(numbers.values()))
    # A tick may lie a little beyond the values, where a larger unit begins.
    reached = 1.1 * (columns.sum(axis=0) if kind == "area" else columns)
    known = [v for v in (*columns.flat, *reached.flat) if np.isfinite(v)]
    texts = [*numbers, *(write(float(v)) for v in known)]
    if second is not None:
        texts += [second.name, *(second.write(float(v)) for v in second.values if np.isfinite(v))]
    return texts


def _check_kinds(
    kind: str, share_kind: str, numbers: Mapping[str, Floats], second: _Share | None
) -> None:
    for argument, got, allowed in (
        ("kind", kind, ("line", "area")),
        ("share_kind", share_kind, ("line", "bars")),
    ):
        if got not in allowed:
            raise InvalidArgumentError.unknown(argument, got, allowed)
    if kind == "area":
        _check_stackable(numbers)
        if second is not None and share_kind == "bars":
            raise InvalidArgumentError(
                "share_kind", "bars would lie behind the areas", got="bars", allowed="line"
            )
    if second is not None and second.name in numbers:
        raise InvalidArgumentError(
            "share_label", "is the name of a series too", got=repr(second.name)
        )


def _decimals_for(shares: Floats) -> int:
    """Return the decimals of a percentage that keep the ticks of about five steps apart."""
    highest = float(np.abs(shares[np.isfinite(shares)]).max(initial=0.0))
    # Rounded, as 0.2 * 0.05 is a little above 0.01.
    return max(0, -math.floor(round(math.log10(0.2 * highest), 9)) - 2) if highest else 0


def _days_of(dates: Sequence[dt.date] | NDArray[np.datetime64]) -> Floats:
    """Return dates as matplotlib counts them, in days since 1970."""
    from matplotlib.dates import date2num

    moments: list[Any] = (
        dates.astype("datetime64[us]").tolist()
        if isinstance(dates, np.ndarray) and dates.dtype.kind == "M"
        else list(dates)
    )
    days = np.empty(len(moments))
    for position, moment in enumerate(moments):
        if isinstance(moment, np.datetime64):
            moment = moment.astype("datetime64[us]").item()  # noqa: PLW2901
        # A missing time of pandas is a datetime too, but is not equal to itself.
        if not isinstance(moment, dt.date) or moment != moment:  # noqa: PLR0124
            raise InvalidArgumentError(
                f"dates[{position}]", "is not a date", got=repr(moment), allowed="date or datetime"
            )
        if isinstance(moment, dt.datetime):
            # matplotlib would turn it into UTC, where midnight of Shanghai is the day before.
            moment = moment.replace(tzinfo=None)  # noqa: PLW2901
        days[position] = date2num(moment)  # type: ignore[no-untyped-call]
        if position and days[position] <= days[position - 1]:
            raise InvalidArgumentError(
                f"dates[{position}]",
                "is not after the date before it",
                got=f"{moments[position - 1]}, then {moments[position]}",
                hint="sort the dates and add up what falls on the same one",
            )
    return days


def _check_stackable(numbers: Mapping[str, Floats]) -> None:
    for name, values in numbers.items():
        wrong = np.flatnonzero(~(np.isfinite(values) & (values >= 0)))
        if wrong.size:
            raise InvalidArgumentError(
                f"series[{name!r}][{wrong[0]}]",
                "cannot be stacked",
                got=values[wrong[0]],
                allowed="a known number, >= 0",
                hint="kind='line' draws gaps and negative values",
            )


def _draw_series(
    ax: Axes, days: Floats, numbers: Mapping[str, Floats], colours: Mapping[str, str], kind: str
) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    if kind == "area":
        # A single date has no width; it is drawn one day wide.
        edges = days if len(days) > 1 else np.array([days[0] - 0.5, days[0] + 0.5])
        columns = [np.resize(v, len(edges)) for v in numbers.values()]
        layers = ax.stackplot(
            edges, *columns, colors=[colours[n] for n in numbers], edgecolor="white", linewidth=0.6
        )
        return dict(zip(numbers, layers, strict=True))
    is_marked = len(days) <= _MARKED_DATES_MAX
    for position, (name, values) in enumerate(numbers.items()):
        (handles[name],) = ax.plot(
            days,
            np.where(np.isfinite(values), values, np.nan),
            color=colours[name],
            linestyle=_DASHES[position % len(_DASHES)],
            linewidth=1.8,
            marker=_MARKERS[position % len(_MARKERS)] if is_marked else "",
            markersize=4.5,
        )
    return handles


def _dress(
    ax: Axes,
    days: Floats,
    numbers: Mapping[str, Floats],
    write: Callable[[float], str],
    font: ChartFont,
) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    clean_axes(ax, spines=("bottom",), grid="y")
    known = np.concatenate(list(numbers.values()))
    known = known[np.isfinite(known)]
    is_whole = bool((known == np.round(known)).all())
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_TICK_STEPS, integer=is_whole))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: font.drawable(write(value))))
    if not known.size or not known.any():
        ax.set_ylim(0, 1)
    elif (known >= 0).all():
        ax.set_ylim(bottom=0)
    # Room between the first date and the zero of the scales.
    ax.tick_params(axis="x", pad=7)
    _date_ticks(ax, days)
    ax.tick_params(labelfontfamily=list(font.families))


def _date_ticks(ax: Axes, days: Floats) -> None:
    from matplotlib.dates import (
        DAILY,
        HOURLY,
        MINUTELY,
        MONTHLY,
        SECONDLY,
        AutoDateLocator,
        ConciseDateFormatter,
        num2date,
    )

    # The host may then draw its own lines at dates.
    ax.xaxis_date()
    span = float(days[-1] - days[0])
    ax.set_xlim(days[0] - (0.02 * span or 1.0), days[-1] + (0.02 * span or 1.0))
    width = axes_inches(ax)[0]
    moments = [num2date(day, tz=dt.UTC) for day in days]  # type: ignore[no-untyped-call]
    if all(m.day == 1 and m.time() == dt.time() for m in moments):
        form, widest = "%Y-%m", "2000-01 "
    elif all(m.time() == dt.time() for m in moments):
        form, widest = "%Y-%m-%d", "2000-01-01 "
    else:
        form, widest = "%Y-%m-%d\n%H:%M", "2000-01-01 "
    room = inches_of(widest, points=points_of("medium"))
    gap = float(np.diff(days).min()) / (1.04 * span) * width if span else width
    if gap >= room:
        # Few dates: a tick where a value is, never between two.
        ax.set_xticks(days, labels=[m.strftime(form) for m in moments])
        return
    # The days stand for wall clocks, which the zone of the host's settings must not move.
    most = max(3, int(width / room))
    locator = AutoDateLocator(  # type: ignore[no-untyped-call]
        tz=dt.UTC, minticks=min(3, most - 1), maxticks=most
    )
    # Without these, axes too narrow for its usual steps make matplotlib give up with a warning.
    for frequency, step in (
        (MONTHLY, 12),
        (DAILY, 31),
        (HOURLY, 24),
        (MINUTELY, 60),
        (SECONDLY, 60),
    ):
        locator.intervald[frequency] = [*locator.intervald[frequency], step]
    ax.xaxis.set_major_locator(locator)
    # Numbers alone, as names of months would be English in a Chinese chart.
    form_by_unit = ConciseDateFormatter(  # type: ignore[no-untyped-call]
        locator,
        tz=dt.UTC,
        formats=["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%S.%f"],
        zero_formats=["", "%Y-%m", "%m-%d", "%m-%d", "%H:%M", "%H:%M"],
        offset_formats=["", "", "%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d %H:%M"],
    )
    ax.xaxis.set_major_formatter(form_by_unit)


def _draw_share(
    ax: Axes,
    days: Floats,
    share: _Share,
    *,
    kind: str,
    font: ChartFont,
) -> Artist:
    from matplotlib.patheffects import withStroke
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    colour = quiet_colour(ax)
    twin = ax.twinx()
    twin.set_label("share")
    shares = np.where(np.isfinite(share.values), share.values, np.nan)
    handle: Artist
    if kind == "bars":
        width = 0.6 * float(np.diff(days).min()) if len(days) > 1 else 0.8
        handle = twin.bar(days, shares, width=width, color=colour, alpha=0.3).patches[0]
        ax.set_xlim(min(ax.get_xlim()[0], days[0] - width), max(ax.get_xlim()[1], days[-1] + width))
        # The second axes lie above the first unless told otherwise, and their bars would too.
        twin.set_facecolor(ax.get_facecolor())
        twin.patch.set_visible(ax.patch.get_visible())
        ax.patch.set_visible(False)
        ax.set_zorder(twin.get_zorder() + 1)
    else:
        # A rim in the colour of the background keeps the line visible where it runs over areas.
        rim = [withStroke(linewidth=4.5, foreground=ax.get_facecolor())]
        marker = "o" if len(days) == 1 else ""
        (handle,) = twin.plot(
            days, shares, color=colour, linewidth=2.4, marker=marker, path_effects=rim
        )
    clean_axes(twin)
    known = shares[np.isfinite(shares)]
    highest = float(known.max(initial=0.0)) or 1.0
    lowest = float(known.min(initial=0.0))
    # Room above, so that a share at its highest does not touch the edge.
    twin.set_ylim(1.1 * lowest, 1.1 * highest)
    twin.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_TICK_STEPS))
    twin.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: font.drawable(share.write(value)))
    )
    twin.tick_params(labelcolor=colour, labelfontfamily=list(font.families))
    twin.set_ylabel(font.drawable(share.name), color=colour, labelpad=6, **font.text_options)
    return handle
