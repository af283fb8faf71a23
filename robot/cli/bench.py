"""`robot bench`: how fast the parts are on this machine."""

import importlib
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import tyro

from robot.cli.extras import require
from robot.cli.output import finish, parse
from robot.views.say import say

Part = Literal["car", "quadrotor", "arm", "lidar", "camera", "learner", "localisation", "brake", "loop", "export", "perception",
               "rivals", "raptor", "simulators", "adaptation", "all"]  # fmt: skip
NOT_AMONG_ALL = ("rivals", "raptor", "simulators", "adaptation", "all")
PARTS = tuple(part for part in get_args(Part) if part not in NOT_AMONG_ALL)


@dataclass(frozen=True)
class BenchConfig:
    """Measure a part, beside a yardstick in the same run where there is one. Quote ratios: machines vary.

    export: what a policy costs on a Cortex-M4, beside emlearn's C; needs arm-none-eabi-gcc.
    camera: frames a second of processor time, beside OpenGL in software; needs the extra `gl`, and EGL.
    rivals: others' learners on our environments, a minute; not among all.
    raptor: RAPTOR's policy for any quadrotor beside ours, in its simulator; needs l2f and foundation-policy; not among all.
    simulators: that policy in crazyflow and gym-pybullet-drones, where they are installed, beside ours; not among all.
    adaptation: how fast the policy for any quadrotor finds out what it flies, and what a change in flight does; two minutes, not among all.
    """

    part: Annotated[Part, tyro.conf.Positional] = "all"


def main(arguments: list[str]) -> int:
    config, as_json = parse(BenchConfig, "bench", arguments)
    parts = PARTS if config.part == "all" else (config.part,)
    if {"learner", "perception"} & {*parts}:
        require("torch")
    if "perception" in parts:
        require("cv2")
    figures = {}
    for part in parts:
        say(f"{part} ...")
        figures[part] = importlib.import_module(f"robot.bench.{part}").run()
        for name, value in figures[part].items():
            say(f"  {name:<26} {value}")
    finish(figures if config.part == "all" else figures[config.part], as_json)
    return 0
