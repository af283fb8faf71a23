"""How the project's pictures look: colours, fonts, lines."""

from typing import Any

from matplotlib.colors import LinearSegmentedColormap

INK, GREY, PALE, ROAD = "#1d2330", "#7a8194", "#d5d9e2", "#eef0f5"
RED, BLUE, GREEN, ORANGE = "#d1344b", "#3566c9", "#1f9d6b", "#e8872b"
SPEED_COLOURS = LinearSegmentedColormap.from_list("speed", ["#3b2f8f", "#7b3fa8", "#c8417f", "#ee6c4d", "#f7b538"])
STYLE: dict[Any, Any] = {
    "font.family": ["DejaVu Sans"], "font.size": 9.5, "text.color": INK, "axes.edgecolor": PALE,
    "axes.labelcolor": GREY, "axes.spines.top": False, "axes.spines.right": False,
    "axes.titlesize": 11, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 9,
    "axes.grid": True, "grid.color": ROAD, "axes.axisbelow": True,
    "xtick.color": GREY, "ytick.color": GREY, "xtick.major.size": 0, "ytick.major.size": 0,
    "legend.frameon": False, "legend.fontsize": 8.5,
}  # fmt: skip
