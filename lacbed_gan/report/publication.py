"""The look of a report's figures: the size and the letters of a journal page."""

from __future__ import annotations

import io
import logging

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter

from lacbed_gan.images.colours import LINE_COLOURS

COLUMN, PAGE = 85.0, 170.0  # widths in mm: one column, and the whole page
SPLIT_COLOURS = {"test": LINE_COLOURS[0], "train": LINE_COLOURS[1], "validation": LINE_COLOURS[2]}
SPLIT_LINES = {"test": "-", "train": "--", "validation": "-"}
SCREEN_DPI = 160
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.linewidth": 0.6,
    "lines.linewidth": 1.0,
    "pdf.fonttype": 42,  # text stays text
    "text.parse_math": False,  # nor is a $ in a name the begin of a formula
}
# As a decorator: everything that the function draws has this look.
published = matplotlib.rc_context(STYLE)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in mm."""
    return Figure(figsize=(width / 25.4, height / 25.4), layout="constrained")


@published
def rendered(figure: Figure) -> tuple[bytes, bytes]:
    """The figure as PNG for a screen and as PDF of its size in print."""
    logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells of every letter that goes into a PDF
    png, pdf = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=SCREEN_DPI, pil_kwargs={"optimize": True})
    figure.set_layout_engine("none")  # it is laid out
    figure.savefig(pdf, format="pdf", dpi=600, metadata={"CreationDate": None})
    return png.getvalue(), pdf.getvalue()


class PowersOfTen(LogFormatter):
    """Labels of a logarithmic axis as plain text, 10⁻³ and 2·10⁻³, which is plot far faster than formulas."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        mantissa, e, exponent = super().__call__(x, pos).replace("−", "-").partition("e")
        power = "10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")) if e else ""
        return power if mantissa == "1" and e else f"{mantissa}·{power}" if e else mantissa


def logarithmic(axes: Axes) -> None:
    """A logarithmic y axis with labels that are plain text."""
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(PowersOfTen())
    axes.yaxis.set_minor_formatter(PowersOfTen())


def box_plot(axes: Axes, values: list[list[float]], colours: list[str], width: float = 0.6) -> None:
    """Boxes of the quartiles with the median, whiskers from the 5th to the 95th percentile, at 1, 2, …"""
    plot = axes.boxplot(
        values, whis=(5, 95), showfliers=False, widths=width, patch_artist=True, medianprops={"color": "black"}
    )
    for box, colour in zip(plot["boxes"], colours, strict=True):
        box.set(facecolor=colour, alpha=0.55, linewidth=0.6)
    for line in (*plot["whiskers"], *plot["caps"]):
        line.set_linewidth(0.6)
    logarithmic(axes)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xlim(0.4, len(values) + 0.6)
