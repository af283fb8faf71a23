"""`robot train --sweep FILE`: many trainings at once."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from robot.cli.output import finish, parse
from robot.views.say import say


@dataclass(frozen=True)
class SweepConfig:
    """Train every combination of the options that a file varies, one core each, on this machine or a Ray cluster.

    The results land in runs/sweeps/NAME. Ctrl-C keeps what is done; the same command goes on with the rest.
    """

    sweep: Path
    """A TOML file: [train] has options of `robot train`, [vary] lists of values, `address` a Ray cluster's address."""


def main(arguments: list[str]) -> int:
    config, as_json = parse(SweepConfig, "train", arguments)
    from robot.training.run_sweep import Standing, run_sweep
    from robot.training.sweep_file import load_sweep
    from robot.training.sweep_results import as_table, save_results

    began = time.perf_counter()
    sweep = load_sweep(config.sweep)
    folder = Path("runs") / "sweeps" / sweep.name
    console = Console(stderr=True)

    def report() -> None:
        console.print(as_table(sweep, save_results(sweep, folder)))
        say(f"results  {folder / 'results.csv'}, {folder / 'picture.png'}")

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=as_json) as bar:
        task = bar.add_task("")

        def show(now: Standing) -> None:
            ended = now.done + now.failed
            text = f"{ended} of {now.runs} runs, {now.failed} failed, {now.restarted} restarted"
            bar.update(task, completed=ended, total=now.runs, description=text)

        try:
            standing = run_sweep(sweep, folder, show)
        except KeyboardInterrupt:
            bar.stop()
            report()
            say("stopped; the same command goes on with the rest")
            raise
    report()
    figures = {"sweep": str(folder), **asdict(standing), "wall_s": time.perf_counter() - began}
    finish(figures, as_json)
    return 0 if standing.done == standing.runs else 1
