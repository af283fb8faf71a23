"""One training of a policy in the simulator, whatever the robot: the loop, the best policy, and the run's folder.

The folder has config.toml, policy.npz (which practice starts `--from`), metrics.csv (one row a check) and the robot's pictures.
"""

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from policies.array_file import try_writing, write_bytes_atomically
from policies.policy_file import save_policy
from robot.runtime.run_folder import new_run_folder, save_config
from robot.tasks import find_task
from robot.training.trainer import Check, TrainConfig, Training, find_trainer
from sim.input_files import with_article


def train(
    config: TrainConfig, show: Callable[[Check], None] | None = None, root: Path = Path("runs")
) -> dict[str, Any]:
    """Train, judge and save a policy; the figures of the verb's last line. show: told of every check.

    Ctrl-C ends the training; the figures then have `interrupted`. Before the first check it raises KeyboardInterrupt.
    Raises ValueError for options that cannot be met.
    """
    spec = find_task(config.task)
    trainer = find_trainer(spec.robot)
    if not isinstance(config, trainer.options):
        raise ValueError(
            f"--task: found {config.task}, which {with_article(spec.robot)} does, with the options of another robot"
        )
    try_writing(root / config.task)
    began = time.perf_counter()
    trainer.warm_up(config)
    compile_s, began = time.perf_counter() - began, time.perf_counter()

    training = trainer.begin(config)
    found, interrupted = [], False
    try:
        for check in checks(training, began):
            found.append(check)
            if show is not None:
                show(check)
    except KeyboardInterrupt:
        if not found:
            raise
        interrupted = True
    best, wall_s = best_of(found), time.perf_counter() - began

    folder = new_run_folder(root, config.task, "train")
    figures: dict[str, Any] = {"run": str(folder), "wall_s": wall_s, "compile_s": compile_s}
    figures |= best.look.figures if training.judged is None else training.judged(best.weights, folder)
    if interrupted:
        figures["interrupted"] = True
    save_config(folder, config)
    save_policy(folder / "policy.npz", best.weights, training.learner.layers, config.task, spec.rate_hz,
                trained={**asdict(config), **figures, "run": folder.name})  # fmt: skip
    write_bytes_atomically(folder / "metrics.csv", [metrics(found).encode()])
    for name, data in training.pictures(found, best).items():
        write_bytes_atomically(folder / name, [data])
    return figures


def checks(training: Training, began: float) -> Iterator[Check]:
    """Train, and yield what is found on the way. began: on the clock `time.perf_counter`."""
    for iteration in range(training.iterations + 1):
        if iteration:
            training.learner.iterate()
        if iteration in training.due:
            weights = training.learner.weights
            look = training.look(weights)
            yield Check(iteration, training.iterations, time.perf_counter() - began, weights, look)


def best_of(found: list[Check]) -> Check:
    """The check of the least score, the latest of equals."""
    return min(reversed(found), key=lambda check: check.look.score)


def metrics(found: list[Check]) -> str:
    """One row a check."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["iteration", "seconds", "score", *found[0].look.figures])
    for check in found:
        figures = check.look.figures.values()
        table.writerow([check.iteration, f"{check.seconds:.3f}", f"{check.look.score:.5f}", *figures])
    return text.getvalue()
