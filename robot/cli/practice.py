"""`robot practice`: a robot learns a task by itself, on the robot or on its virtual twin."""

from pathlib import Path

from robot.cli.output import finish, named_option, parse
from robot.commissioning.kinds import kind_of
from robot.practice.practice import find_practice
from robot.practice.settings import load_config, refuse_changes
from robot.runtime.run_folder import read_config
from robot.tasks import DEFAULT_TASK, find_task, tasks_of
from robot.views.say import say


def main(arguments: list[str]) -> int:
    options = find_practice(find_task(task_of(arguments)).robot).options
    config, as_json = parse(options, "practice", arguments)
    from robot.practice.run import practise

    if config.resume:
        earlier = load_config(Path(config.resume), options)
        refuse_changes(parse(options, "practice", arguments, default=earlier)[0], earlier)

    figures = practise(config)
    say("")
    for line in figures.pop("lines"):
        say(line)
    if figures["failure"]:
        say(f"ended early: {figures['failure']}")
    say(f"run      {figures['run']}")
    if figures["picture"]:
        say(f"picture  {figures['picture']}")
    finish(figures, as_json)
    return 0 if figures["merit_best"] is not None and not figures["failure"] else 1


def task_of(arguments: list[str]) -> str:
    """The task that the options name, the one of the run that goes on, or the first one of the robot that they name."""
    task, resume, robot = (named_option(arguments, name) for name in ("task", "resume", "robot"))
    if task is None and resume and Path(resume).is_dir():
        task = read_config(Path(resume)).get("task")
    elif task is None and robot:
        task = next(iter(tasks_of(kind_of(robot))), None)
    return str(task or DEFAULT_TASK)
