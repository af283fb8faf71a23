"""`robot evaluate`: the policy of a run, without learning, in the simulator or on devices."""

import re
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from policies.policy_file import EVERY_KIND, load_policy
from robot.cli.output import finish, parse, parse_help
from robot.evaluation.judge import Judge, find_judge
from robot.runtime.run_folder import policy_path
from robot.tasks import DEFAULT_TASK, find_task, task_names
from robot.views.say import say
from sim.input_files import shown, wrong

NUMBER = re.compile(r"\d*\.?\d+\.?(e[-+]?\d+)?", re.IGNORECASE)


def main(arguments: list[str]) -> int:
    task = task_of(arguments)
    if task is None and ("--help" in arguments or "-h" in arguments):
        return help_for_all()
    judge = find_judge(find_task(task or DEFAULT_TASK).robot)
    if task is None and has_options_of_others(judge, arguments) and (named := named_run(arguments)):
        load_policy(policy_of(named), kinds=EVERY_KIND)  # raises, and names the file, not options of another robot's
    config, as_json = parse(judge.options, "evaluate", arguments)
    policy = policy_of(config.run)
    console = Console(stderr=True)
    if config.robot and judge.devices is None:
        raise ValueError(
            f"--robot: found {config.robot}, allowed: none, for this task is judged in the simulator alone"
        )
    if config.robot and judge.devices is not None:
        verdict = judge.devices(config, policy)
    else:
        with Progress(console=console, disable=as_json, transient=True) as bar:
            task_shown = bar.add_task("in the simulator; the first time ever, compiling", total=1.0)
            verdict = judge.simulator(config, policy, lambda share: bar.update(task_shown, completed=share))
    for table in verdict.tables:
        console.print(table.as_table())
    for line in verdict.lines:
        say(line)
    finish({"judged_on": config.robot or "simulator"} | verdict.figures, as_json)
    if verdict.interrupted:
        return 130
    return 0 if verdict.passed else 1


def policy_of(run: str) -> Path:
    """The best policy of a run's folder, or the file itself."""
    return policy_path(Path(run)) if Path(run).is_dir() else Path(run)


def task_of(arguments: list[str]) -> str | None:
    """The task of the first argument that is a run or a policy; None if none is. Raises ValueError for an unknown one."""
    for argument in arguments:
        path = policy_of(argument)
        if not argument.startswith("-") and path.suffix == ".npz" and path.is_file():
            task = load_policy(path, kinds=EVERY_KIND).metadata["task"]
            if task not in task_names():
                raise wrong(path, "task", shown(task), ", ".join(task_names()))
            return str(task)
    return None


def has_options_of_others(judge: Judge, arguments: list[str]) -> bool:
    """Whether there is an option that this robot's judge does not know."""
    known = {"--json"} | {
        f"--{sign}{field.name.replace('_', '-')}" for field in fields(judge.options) for sign in ("", "no-")
    }
    return any(argument.startswith("--") and argument.split("=")[0] not in known for argument in arguments)


def named_run(arguments: list[str]) -> str:
    """The argument that is to be a run or a policy, whether there is one or not: it is no option's value. Empty if none is."""
    judges = [find_judge(kind) for kind in {find_task(name).robot for name in task_names()}]
    flags = {"--json"} | {f"--{field.name.replace('_', '-')}" for judge in judges for field in fields(judge.options)
                          if field.type in (bool, "bool")}  # fmt: skip
    for before, argument in pairwise(["--json", *arguments]):
        is_number = NUMBER.fullmatch(argument)  # of an option that takes several
        has_its_value = before in flags or not before.startswith("-") or "=" in before
        if not (is_number or argument.startswith("-")) and has_its_value:
            return argument
    return ""


def help_for_all() -> int:
    """The options of each robot's evaluation."""
    for kind in dict.fromkeys(find_task(name).robot for name in task_names()):
        tasks = " or ".join(name for name in task_names() if find_task(name).robot == kind)
        parse_help(find_judge(kind).options, f"evaluate [RUN of {tasks}]")
    return 0
