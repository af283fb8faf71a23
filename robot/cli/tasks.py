"""`robot tasks`: what can be learned, and on which robots and tracks."""

from dataclasses import dataclass

from robot.cli.output import finish, parse
from robot.robots.car.practice import SHIPPED_POLICY
from robot.robots.robot_file import robot_names
from robot.tasks import find_task, task_names
from sim.tracks.built_in_tracks import BUILT_IN, DEFAULT_TRACK, built_in

VERBS = {
    "car": ("practice", "train", "evaluate", "export"),
    "quadrotor": ("train", "evaluate", "export", "flash", "run"),
}


@dataclass(frozen=True)
class TasksConfig:
    """List tasks, robots and built-in tracks."""


def main(arguments: list[str]) -> int:
    _, as_json = parse(TasksConfig, "tasks", arguments)
    tasks = {name: find_task(name) for name in task_names()}
    tracks = {name: round(built_in(name).length_m, 1) for name in BUILT_IN}
    if not as_json:
        print("tasks, and the verbs for them")
        for name, task in tasks.items():
            print(f"  {name:<16} {task.text}\n{'':<18} robot {', '.join(VERBS[task.robot])}")
        print("robots (--robot NAME, or the path of a TOML file)")
        for name in robot_names():
            print(f"  {name}")
        print("tracks (--track NAME, or --map FILE for a map_server YAML file)")
        for name, length in tracks.items():
            print(f"  {name:<12} {length:5.1f} m{'   default' if name == DEFAULT_TRACK else ''}")
        print(f"shipped policy\n  {SHIPPED_POLICY}")
    finish({"tasks": list(tasks), "robots": robot_names(), "tracks": tracks}, as_json)
    return 0
