"""`robot tasks`: what can be learned, and on which robots and tracks."""

from dataclasses import dataclass

from robot.cli.output import finish, parse
from robot.runtime.joining import brings
from robot.runtime.robot import ENTRY_POINTS, find_robot
from robot.runtime.robot_file import robot_names
from robot.tasks import find_task, task_names
from robot.tasks.spec import TaskSpec
from sim.input_files import with_article

SIMULATED = ("train", "evaluate")
# Verb -> what a kind of robot must bring for it: a module of its folder, or an entry point of a group.
NEEDS = {
    "practice": ("practice", "robot_practice.practices"),
    "train": ("trainer", "robot_practice.trainers"),
    "evaluate": ("judge", "robot_practice.judges"),
    "export": None,
    "flash": ("app_of_run", ""),
    "run": ("run_mission", ""),
}


@dataclass(frozen=True)
class TasksConfig:
    """List tasks, robots with their devices, and built-in tracks."""


def verbs_for(task: TaskSpec) -> list[str]:
    """The verbs that take this task, or a policy for it."""
    brought = [verb for verb, needed in NEEDS.items() if needed is None or brings(task.robot, *needed)]
    return [verb for verb in brought if task.simulated or verb not in SIMULATED]


def devices_for(task: TaskSpec) -> list[str]:
    """The devices that a tick of this task's robot reads; none of a robot that the runtime cannot drive."""
    if not brings(task.robot, "robot", ENTRY_POINTS):
        return []
    readings = find_robot(task.robot).records(task.name).readings
    return [name for name in readings.names or () if readings[name].fields]


def main(arguments: list[str]) -> int:
    _, as_json = parse(TasksConfig, "tasks", arguments)
    from robot.robots.car.practice import SHIPPED_POLICY
    from sim.tracks.built_in_tracks import BUILT_IN, DEFAULT_TRACK, built_in

    tasks = {name: find_task(name) for name in task_names()}
    devices = {name: devices_for(task) for name, task in tasks.items()}
    tracks = {name: round(built_in(name).length_m, 1) for name in BUILT_IN}
    if not as_json:
        wide = max(map(len, tasks))
        print("tasks, and the verbs for them")
        for name, task in tasks.items():
            print(f"  {name:<{wide}}  {task.text}\n{'':<{wide + 4}}robot {', '.join(verbs_for(task))}")
            if devices[name]:
                print(f"{'':<{wide + 4}}on {with_article(task.robot)} with {', '.join(devices[name])}")
        print("robots (--robot NAME, or the path of a TOML file)")
        for name in robot_names():
            print(f"  {name}")
        print("tracks (--track NAME, or --map FILE for a map_server YAML file)")
        for name, length in tracks.items():
            print(f"  {name:<12} {length:5.1f} m{'   default' if name == DEFAULT_TRACK else ''}")
        print(f"shipped policy\n  {SHIPPED_POLICY}")
    finish({"tasks": list(tasks), "devices": devices, "robots": robot_names(), "tracks": tracks}, as_json)
    return 0
