"""Colours that colour-blind readers can tell apart, and text that stays readable on them.

References:
    Okabe, M. and Ito, K. (2008), Color Universal Design: how to make figures and presentations
    that are friendly to colorblind people.
    Tol, P. (2021), Colour schemes, SRON/EPS/TN/09-002, the "light" scheme for labelled cells.
    W3C (2018), Web Content Accessibility Guidelines 2.1, relative luminance and contrast ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from userops.errors import InvalidArgumentError

__all__ = [
    "DARK_TEXT",
    "GRID_COLOUR",
    "LIGHT_TEXT",
    "NO_GROUP_COLOUR",
    "categorical_colours",
    "colours_by_name",
    "contrast_ratio",
    "fill_colours",
    "mixed_colour",
    "sequential_colour",
    "text_colour_on",
]

DARK_TEXT = "#1a1a1a"
LIGHT_TEXT = "#ffffff"
GRID_COLOUR = "#8888884d"
NO_GROUP_COLOUR = "#eeeeee"

_OKABE_ITO = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#d55e00",
    "#56b4e9",
    "#cc79a7",
    "#4d4d4d",
    "#8c5a14",
)
_TOL_LIGHT = (
    "#77aadd",
    "#44bb99",
    "#eedd88",
    "#ee8866",
    "#ffaabb",
    "#99ddff",
    "#bbcc33",
    "#dddddd",
    "#aaaa00",
)
# One hue from near white to dark: it still orders the cells when printed in grey.
_SEQUENCE = ("#f2f7fb", "#c9dff0", "#8fbfe0", "#4a94c8", "#1b66a3", "#0b3c6f")


def categorical_colours(count: int) -> tuple[str, ...]:
    """Return colours for lines and bars, the most distinct ones first.

    Args:
        count: How many; beyond eight they return in lighter tints.

    Returns:
        Hexadecimal colours.
    """
    return _cycled(_OKABE_ITO, count)


def fill_colours(count: int) -> tuple[str, ...]:
    """Return light colours for labelled areas, on which dark text is readable.

    Args:
        count: How many; beyond nine they return in lighter tints.

    Returns:
        Hexadecimal colours.
    """
    return _cycled(_TOL_LIGHT, count)


def colours_by_name(
    names: Iterable[str],
    *,
    chosen: Mapping[str, str] | None,
    palette: Callable[[int], tuple[str, ...]],
    argument: str,
) -> dict[str, str]:
    """Give each name its colour: the chosen one, or the next of the palette.

    Args:
        names: Distinct names in order.
        chosen: Colours that the caller fixed, as matplotlib reads them.
        palette: Gives so many colours, as `fill_colours` does.
        argument: What the caller calls `chosen`, for the error.

    Returns:
        Hexadecimal colours by name.

    Raises:
        InvalidArgumentError: If a chosen colour is not a colour.
    """
    from matplotlib.colors import is_color_like, to_hex

    listed = list(names)
    fixed = dict(chosen or {})
    for name, colour in fixed.items():
        if not is_color_like(colour):
            raise InvalidArgumentError(
                argument,
                f"{name!r} has no colour that matplotlib reads",
                got=repr(colour),
                hint="write '#0072b2' or a name such as 'tab:blue'",
            )
    taken = {to_hex(colour) for colour in fixed.values()}
    # A colour fixed for one name is not handed to another.
    left = iter(c for c in palette(len(listed) + len(taken)) if c not in taken)
    return {name: to_hex(fixed[name]) if name in fixed else next(left) for name in listed}


def sequential_colour(position: float) -> str:
    """Return the colour at a position of the ordered scale.

    Args:
        position: 0 is the lightest, 1 the darkest.

    Returns:
        A hexadecimal colour.
    """
    place = min(max(position, 0.0), 1.0) * (len(_SEQUENCE) - 1)
    lower = min(int(place), len(_SEQUENCE) - 2)
    return mixed_colour(_SEQUENCE[lower], _SEQUENCE[lower + 1], place - lower)


def mixed_colour(first: str, second: str, weight: float) -> str:
    """Return the colour between two hexadecimal colours; weight 0 is the first, 1 the second."""
    mixed = (
        round(a + (b - a) * weight)
        for a, b in zip(_channels(first), _channels(second), strict=True)
    )
    return "#" + "".join(f"{channel:02x}" for channel in mixed)


def text_colour_on(background: str) -> str:
    """Return the text colour, dark or white, with the higher contrast on a background.

    Args:
        background: A hexadecimal colour, `#rrggbb`.

    Returns:
        A hexadecimal colour with a contrast ratio of at least 4.1 on any background.
    """
    dark = contrast_ratio(DARK_TEXT, background)
    light = contrast_ratio(LIGHT_TEXT, background)
    return DARK_TEXT if dark >= light else LIGHT_TEXT


def contrast_ratio(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1 (none) to 21, by WCAG 2.1."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _cycled(palette: tuple[str, ...], count: int) -> tuple[str, ...]:
    rounds = -(-count // len(palette))
    # Each round mixes in more white: 0, then 1/2, 2/3, …
    tints = [
        colour if turn == 0 else mixed_colour(colour, "#ffffff", turn / (turn + 1))
        for turn in range(rounds)
        for colour in palette
    ]
    return tuple(tints[:count])


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
