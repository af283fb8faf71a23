"""`robot train`: a policy from the simulator, in seconds."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from robot.cli.output import finish, named_option, parse, parse_help
from robot.tasks import DEFAULT_TASK, find_task, task_names
from robot.training.train import train
from robot.training.trainer import Check, Trainer, find_trainer
from robot.views.say import say

COLUMNS = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())


def main(arguments: list[str]) -> int:
    if named_option(arguments, "sweep") is not None:
        from robot.cli.sweep import main as sweep

        return sweep(arguments)
    task = named_option(arguments, "task")
    if task is None and ("--help" in arguments or "-h" in arguments):
        return help_for_all()
    began = time.perf_counter()
    trainer = find_trainer(find_task(task or DEFAULT_TASK).robot)
    config, as_json = parse(trainer.options, "train", arguments)
    if (beside := trainer.beside(config)) is not None:
        for line in beside.lines:
            say(line)
        finish(beside.figures, as_json)
        return 0
    with Progress(*COLUMNS, console=Console(stderr=True), disable=as_json) as bar:
        shown = bar.add_task("loading kernels; the first time ever, compiling them", total=None)

        def show(check: Check) -> None:
            bar.update(shown, completed=check.iteration, total=check.of, description=check.look.text)

        figures = train(config, show)
    for line in trainer.lines(figures):
        say(line)
    say(f"trained in {figures['wall_s']:.1f} s, after {figures['compile_s']:.1f} s of compiling or loading; "
        f"{time.perf_counter() - began:.1f} s in all")  # fmt: skip
    say(f"run      {figures['run']}")
    finish(figures, as_json)
    if figures.get("interrupted"):
        return 130
    return 0 if figures[trainer.merit] is not None else 1


def help_for_all() -> int:
    """What can be trained, and the options of each robot's training."""
    trainers: dict[str, tuple[Trainer, list[str]]] = {}
    for name in task_names():
        kind = find_task(name).robot
        trainers.setdefault(kind, (find_trainer(kind), []))[1].append(name)
    for trainer, names in trainers.values():
        parse_help(trainer.options, f"train --task {' | '.join(names)}")
    return 0
