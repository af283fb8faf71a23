"""A training's picture: what its looks at the policy found, over the seconds of training, and which policy was kept."""

import csv
import io
from pathlib import Path

import numpy as np

from policies.array_file import write_bytes_atomically
from sim.input_files import read_text, wrong

METRICS = "metrics.csv"
PICTURE = "picture.png"
NO_FIGURE = ("iteration", "seconds", "score", "env_steps")
WIDE = 20.0  # a column whose greatest is so many times its least has a logarithmic axis


def is_training(folder: Path) -> bool:
    """Whether a run's folder is a training's."""
    return (folder / METRICS).is_file()


def plot_training(folder: Path) -> Path:
    """Draw RUN/picture.png: a panel for each figure. Raises ValueError, naming file and field, for a table that is none."""
    from matplotlib.figure import Figure

    columns = read_metrics(folder / METRICS)
    figures = {name: column for name, column in columns.items() if name not in NO_FIGURE}
    seconds, score = columns["seconds"], columns["score"]
    kept_s = seconds[len(score) - 1 - int(np.nanargmin(score[::-1]))]  # of equals the latest
    drawn = Figure(figsize=(8.0, 1.0 + 1.8 * len(figures)), layout="constrained")
    for axes, (name, values) in zip(
        drawn.subplots(len(figures), sharex=True, squeeze=False)[:, 0], figures.items(), strict=True
    ):
        axes.plot(seconds, values, "o-", color="tab:blue")
        axes.axvline(kept_s, color="tab:green", ls="--")
        least = np.nanmin(values) if np.isfinite(values).any() else np.nan
        if least > 0.0 and np.nanmax(values) > WIDE * least:
            axes.set_yscale("log")
        axes.set_title(name, fontsize=9, loc="left")
    axes.set_xlabel("seconds of training; dashed: the policy that was kept")
    data = io.BytesIO()
    drawn.savefig(data, format="png", dpi=120)
    write_bytes_atomically(folder / PICTURE, [data.getvalue()])
    return folder / PICTURE


def read_metrics(path: Path) -> dict[str, np.ndarray]:
    """Columns (n,) by name; NaN where a look found nothing. Raises ValueError, naming file and field."""
    rows = list(csv.DictReader(io.StringIO(read_text(path))))
    names = list(rows[0]) if rows else []
    for name in ("seconds", "score"):
        if name not in names:
            raise wrong(path, name, "nothing", "a number for each look")
    columns = {}
    for name in names:
        try:
            columns[name] = np.array([float(row[name] if row[name] != "" else "nan") for row in rows])
        except (TypeError, ValueError) as error:
            raise wrong(path, name, "no number", "a number for each look") from error
    if not set(names) - {*NO_FIGURE}:
        raise wrong(path, "columns", ", ".join(names), "a figure besides")
    return columns
