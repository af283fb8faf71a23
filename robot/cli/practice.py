"""`robot practice`: a robot learns a task by itself, on the robot or on its virtual twin."""

from pathlib import Path

from robot.cli.output import finish, named_option, parse
from robot.practice.practice import find_practice
from robot.practice.settings import load_config, refuse_changes
from robot.runtime.run_folder import read_config
from robot.tasks import DEFAULT_TASK, find_task
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
    """The task that the options name, or the one of the run that goes on."""
    task, resume = named_option(arguments, "task"), named_option(arguments, "resume")
    if task is None and resume and Path(resume).is_dir():
        task = read_config(Path(resume)).get("task")
    return str(task or DEFAULT_TASK)
