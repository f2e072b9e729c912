from __future__ import annotations

import pytest

from userops.charts import categorical_colours, fill_colours, text_colour_on
from userops.charts.colours import colours_by_name, contrast_ratio, sequential_colour
from userops.errors import InvalidArgumentError


@pytest.mark.parametrize("palette", [categorical_colours, fill_colours])
@pytest.mark.parametrize("count", [0, 1, 8, 9, 11, 30])
def test_palette(palette: object, count: int) -> None:
    """A palette gives as many distinct colours as asked."""
    colours = palette(count)  # type: ignore[operator]
    assert len(set(colours)) == len(colours) == count


@pytest.mark.parametrize("colour", [*fill_colours(30), *categorical_colours(30)])
def test_text_is_readable(colour: str) -> None:
    """Text on any colour of the palettes has at least the contrast 4.5 that WCAG asks for."""
    assert contrast_ratio(text_colour_on(colour), colour) >= 4.5


@pytest.mark.parametrize("step", range(0, 256, 5))
def test_text_is_readable_on_grey(step: int) -> None:
    """Text on any grey has a contrast of at least 4.1."""
    grey = f"#{step:02x}{step:02x}{step:02x}"
    assert contrast_ratio(text_colour_on(grey), grey) >= 4.1


def test_sequence_darkens() -> None:
    """The ordered scale gets darker from end to end, and stays inside its ends."""
    contrasts = [contrast_ratio(sequential_colour(i / 20), "#ffffff") for i in range(21)]
    assert contrasts == sorted(contrasts)
    assert sequential_colour(-1) == sequential_colour(0)
    assert sequential_colour(2) == sequential_colour(1)


def test_contrast_of_extremes() -> None:
    """Black on white has the contrast 21, and a colour on itself has 1."""
    assert contrast_ratio("#000000", "#ffffff") == pytest.approx(21)
    assert contrast_ratio("#0072b2", "#0072b2") == 1


def test_chosen_colours() -> None:
    """A chosen colour is kept and not given to another name."""
    first, second = categorical_colours(2)
    got = colours_by_name(
        ["a", "b", "c"],
        chosen={"b": first, "unused": "red"},
        palette=categorical_colours,
        argument="series_colours",
    )
    assert got["b"] == first
    assert got["a"] == second
    assert len(set(got.values())) == 3


def test_no_colour() -> None:
    """A chosen colour that is none is refused with its name."""
    with pytest.raises(InvalidArgumentError, match=r"series_colours: 'a' has no colour.*'blurple'"):
        colours_by_name(
            ["a"],
            chosen={"a": "blurple"},
            palette=categorical_colours,
            argument="series_colours",
        )
