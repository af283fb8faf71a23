"""A heat map of what each pilot survives."""

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from robot.robots.quadrotor.evaluation.judgement import CHANGES, DELAYS_S, Judgement
from robot.robots.quadrotor.evaluation.scores import ROWS, percent
from robot.views.plot_style import INK, STYLE

SURVIVAL_COLOURS = LinearSegmentedColormap.from_list(
    "survival", [(0.0, "#7d1128"), (0.5, "#d1344b"), (0.8, "#e8872b"), (0.95, "#f7d76b"), (1.0, "#1f9d6b")]
)


@matplotlib.rc_context(STYLE)
def heat_map(judgement: Judgement, title: str) -> Figure:
    """Survival by quantity and change, one panel a pilot."""
    pilots = list(judgement.breakdown)
    figure = Figure(figsize=(1.5 + 4.6 * len(pilots), 4.4), facecolor="white")
    grid = figure.add_gridspec(2, len(pilots), height_ratios=(4, 1), left=0.07, right=0.985, top=0.8, bottom=0.1,
                               wspace=0.06, hspace=0.45)  # fmt: skip
    changes = [f"{100 * change:+.0f} %" if change else "0" for change in CHANGES]
    delays = [f"+{1000 * delay_s:.0f} ms" if delay_s else "0" for delay_s in DELAYS_S]
    for column, pilot in enumerate(pilots):
        shares = judgement.breakdown[pilot]
        several = [quantity for quantity in shares if quantity != "delay"]
        axes = figure.add_subplot(grid[0, column])
        axes.set_title(pilot)
        draw_cells(axes, np.array([shares[quantity] for quantity in several]), changes)
        label_rows(axes, [ROWS[quantity] for quantity in several], column == 0)
        axes = figure.add_subplot(grid[1, column])
        draw_cells(axes, np.array([shares["delay"]]), delays)
        label_rows(axes, ["delay"], column == 0)
    figure.text(0.07, 0.925, title, fontsize=14, fontweight="bold")
    return figure


def draw_cells(axes: Axes, shares: np.ndarray, columns: list[str]) -> None:
    """Coloured cells with their percentages. shares (rows, columns)."""
    axes.imshow(shares, cmap=SURVIVAL_COLOURS, vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        colour = "white" if share < 0.75 or share > 0.985 else INK
        axes.text(column, row, percent(share), ha="center", va="center", color=colour, fontsize=8.5)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_xticks(np.arange(0.5, len(columns) - 1), minor=True)
    axes.set_yticks(np.arange(0.5, len(shares) - 1), minor=True)
    axes.grid(False)
    axes.grid(True, which="minor", color="white", lw=2)
    axes.tick_params(which="minor", length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def label_rows(axes: Axes, names: list[str], shown: bool) -> None:
    """Names of the rows, in the first panel only."""
    axes.set_yticks(range(len(names)), names if shown else [""] * len(names))
