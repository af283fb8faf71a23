"""A sweep's file: options of `robot train`, and lists of what to vary. Every combination is a run.

    name = "wide"                    # of the folder runs/sweeps/<name>/; the file's own name if left out
    address = "ray://head:10001"     # of a Ray cluster; this machine if left out

    [train]                          # options of `robot train`, as on the command line
    task = "hover"
    effort = 0.5

    [vary]
    seed = [0, 1, 2, 3]
    randomise = [true, false]

Paths among the options must be there on every machine of the cluster.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

from robot.tasks import DEFAULT_TASK, find_task, task_names
from robot.training.trainer import find_trainer
from sim.input_files import checked, read_toml, wrong

FIELDS = ("name", "address", "train", "vary")


@dataclass(frozen=True)
class Run:
    """One run of a sweep."""

    id: str  # hash of the whole config, so the same in every sweep and at every start
    varied: dict[str, Any]  # the options that the sweep varies, by their names on the command line
    config: Any  # dataclass of the options of `robot train`


@dataclass(frozen=True)
class Sweep:
    """What a sweep's file asks for."""

    name: str
    task: str
    address: str  # of a Ray cluster; "": this machine
    vary: dict[str, list[Any]]
    runs: list[Run]
    worst: Mapping[str, Callable]  # the figures that runs are compared by, and which of several values is the worst


def load_sweep(path: Path) -> Sweep:
    """Read a sweep's file.

    Raises:
        ValueError: names the file, the field, what was found and what is allowed.
    """
    if not path.is_file():
        raise ValueError(f"--sweep: found '{path}', which is no file; allowed: a TOML file")
    values = read_toml(path)
    for field in values:
        if field not in FIELDS:
            raise wrong(path, field, "it", ", ".join(FIELDS))
    name = checked(path, "name", values.get("name", path.stem), str)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise wrong(path, "name", repr(name), "letters, digits, '_', '-' and '.'")
    address = checked(path, "address", values.get("address", ""), str)
    base = checked(path, "train", values.get("train", {}), dict)
    vary = checked(path, "vary", values.get("vary", {}), dict)

    task = checked(path, "train.task", base.get("task", DEFAULT_TASK), str)
    if task not in task_names():
        raise wrong(path, "train.task", repr(task), ", ".join(task_names()))
    trainer = find_trainer(find_task(task).robot)
    config_type, options = trainer.options, options_of(trainer.options)
    base |= {"task": task}
    base = {option: checked_option(path, "train", option, value, options) for option, value in base.items()}
    vary = {option: checked_list(path, option, found, options, base) for option, found in vary.items()}

    runs = []
    for values_of_run in itertools.product(*vary.values()):
        varied = dict(zip(vary, values_of_run, strict=True))
        try:
            config = config_type(**{options[option][0]: value for option, value in (base | varied).items()})
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        runs.append(Run(run_id(config), varied, config))
    return Sweep(name, task, address, vary, runs, trainer.worst)


def run_id(config: Any) -> str:
    """Hash of every option of a run, those left at their defaults too."""
    return hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode()).hexdigest()[:12]


def options_of(config_type: Any) -> dict[str, tuple[str, Any]]:
    """Options by their names on the command line (with underscores): the dataclass's field and its type."""
    hints = get_type_hints(config_type, include_extras=True)
    options = {}
    for field in fields(config_type):
        renamed = [extra.name for extra in getattr(hints[field.name], "__metadata__", ()) if getattr(extra, "name", "")]
        options[renamed[0] if renamed else field.name] = field.name, hints[field.name]
    return options


def checked_list(
    path: Path, option: str, found: Any, options: dict[str, tuple[str, Any]], base: dict[str, Any]
) -> list[Any]:
    """The values of an option that is varied."""
    if option == "task":
        raise wrong(path, "vary.task", "it", "one task a sweep, in [train]")
    if option in base:
        raise wrong(path, f"vary.{option}", "it in [train] too", "one of the two")
    if not isinstance(found, list) or not found:
        raise wrong(path, f"vary.{option}", repr(found), "a list of one value or more")
    values = [checked_option(path, "vary", option, value, options) for value in found]
    for k, value in enumerate(values):
        if value in values[:k]:
            raise wrong(path, f"vary.{option}", f"{value!r} twice", "each value once")
    return values


def checked_option(path: Path, table: str, option: str, value: Any, options: dict[str, tuple[str, Any]]) -> Any:
    """An option's value, of the type that the command line has it in."""
    if option not in options:
        raise wrong(path, f"{table}.{option}", "it", ", ".join(options))
    return checked(path, f"{table}.{option}", value, options[option][1])
