"""What came out of a sweep: results.csv with a row a run, a table and a picture with the median and the worst."""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.table import Table

from policies.array_file import write_bytes_atomically
from robot.training.run_sweep import ERROR, RESULT
from robot.training.sweep_file import Run, Sweep
from sim.input_files import checked, read_json, read_text


@dataclass(frozen=True)
class Group:
    """The runs that have one value of a varied option; of them all, `option` is empty."""

    option: str
    value: Any
    rows: list[dict[str, Any]]

    @property
    def done(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if not row["error"]]


def results_of(sweep: Sweep, folder: Path) -> list[dict[str, Any]]:
    """One row for each run that has ended: id, varied options, error (empty if it is done), restarts, figures."""
    return [row for run in sweep.runs if (row := result_of(run, folder / run.id))]


def result_of(run: Run, folder: Path) -> dict[str, Any]:
    """The row of one run; empty if it has not ended."""
    path = folder / RESULT
    if path.is_file():
        try:
            result = read_json(path)
            figures = checked(path, "figures", result.get("figures"), dict)
            restarts = checked(path, "restarts", result.get("restarts"), int)
        except ValueError as error:
            raise ValueError(f"{error}; allowed: to delete the folder and run it again") from error
        shown = {name: value for name, value in figures.items() if not isinstance(value, dict | list)}
        return {"id": run.id, **run.varied, "error": "", "restarts": restarts, **shown}
    if (folder / ERROR).is_file():
        told = read_text(folder / ERROR).strip().splitlines()
        return {"id": run.id, **run.varied, "error": told[-1] if told else "no word"}
    return {}


def save_results(sweep: Sweep, folder: Path) -> list[Group]:
    """Write results.csv and picture.png; the groups that they and the table are about."""
    rows = results_of(sweep, folder)
    groups = grouped(sweep, rows)
    write_bytes_atomically(folder / "results.csv", [as_csv(rows).encode()])
    write_bytes_atomically(folder / "picture.png", [picture(sweep, groups)])
    return groups


def grouped(sweep: Sweep, rows: list[dict[str, Any]]) -> list[Group]:
    """All runs, then those with each value of each varied option. Seeds are what median and worst are taken over."""
    groups = [Group("", "all", rows)]
    for option, values in sweep.vary.items():
        if option != "seed" and len(values) > 1:
            groups += [Group(option, value, [row for row in rows if row[option] == value]) for value in values]
    return groups


def median_and_worst(group: Group, figure: str, worst: Callable) -> tuple[float, float]:
    """Of the runs that are done. A figure that a run has not (null: it never did its task, say) is the worst there is."""
    missing = worst(-np.inf, np.inf)
    values = [missing if row.get(figure) is None else row[figure] for row in group.done]
    return (float(np.median(values)), float(worst(values))) if values else (np.nan, np.nan)


def as_csv(rows: list[dict[str, Any]]) -> str:
    """One line a run; the columns are all that any run has."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    table = csv.DictWriter(text, columns)
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def as_table(sweep: Sweep, groups: list[Group]) -> Table:
    """Median and worst of each figure, for a person."""
    table = Table(title=f"{sweep.name}: median, and the worst below it", box=box.SIMPLE, padding=(0, 1, 0, 0))
    table.add_column("option")
    table.add_column("value")
    table.add_column("done", justify="right")
    for figure in sweep.worst:
        table.add_column(figure.replace("_", " "), justify="right")  # spaces let a long heading wrap
    for group in groups:
        found = [median_and_worst(group, figure, worst) for figure, worst in sweep.worst.items()]
        cells = ["\n".join(f"{value:.4g}" if np.isfinite(value) else "none" for value in pair) for pair in found]
        table.add_row(group.option, str(group.value), f"{len(group.done)} of {len(group.rows)}", *cells)
    return table


def picture(sweep: Sweep, groups: list[Group]) -> bytes:
    """Every run as a dot, the median as a bar and the worst as a cross; a panel a figure, as PNG."""
    from matplotlib.figure import Figure

    labels = [f"{group.option}\n{group.value}" if group.option else "all" for group in groups]
    figure = Figure(figsize=(4.0 + 0.8 * len(groups), 1.0 + 2.2 * len(sweep.worst)), layout="constrained")
    panels = figure.subplots(len(sweep.worst), sharex=True, squeeze=False)[:, 0]
    for axes, (name, worst) in zip(panels, sweep.worst.items(), strict=True):
        for k, group in enumerate(groups):
            values = np.array([row.get(name) for row in group.done], float)  # null becomes NaN, which is not drawn
            axes.plot(k + np.linspace(-0.25, 0.25, len(values)), values, ".", color="tab:blue", alpha=0.6)
            median, last = median_and_worst(group, name, worst)
            axes.plot([k - 0.3, k + 0.3], [median, median], color="tab:blue", lw=2)
            axes.plot(k, last, "x", color="tab:red")
        axes.set_ylabel(name)
        axes.set_xticks(range(len(groups)), labels)
    figure.align_ylabels()
    figure.suptitle(f"{sweep.name}: each run, median (bar), worst (cross)")
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=120)
    return data.getvalue()
