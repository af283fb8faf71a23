"""The arm, as the runtime is told of it."""

from pathlib import Path

from robot.robots.arm.devices import devices
from robot.robots.arm.eyes.lifting import SeeingLiftMind
from robot.robots.arm.eyes.mind import SeeingInsertionMind
from robot.robots.arm.insertion import InsertionMind
from robot.robots.arm.lifting import LiftMind
from robot.robots.arm.mind import TICK_S, ArmMind
from robot.robots.arm.pushing import PushMind
from robot.robots.arm.reaching import ReachMind
from robot.robots.arm.records import records_of
from robot.robots.arm.setup import KIND, ArmSetup
from robot.robots.arm.way_home import WAY_HOME_S, WayHome
from robot.runtime.records import Records
from robot.runtime.robot import PlanKind, Robot
from sim.input_files import wrong

MINDS: dict[str, type[ArmMind]] = {
    mind.task.name: mind for mind in (InsertionMind, SeeingInsertionMind, ReachMind, LiftMind, SeeingLiftMind, PushMind)
}


def mind(setup: bytes, path: Path) -> ArmMind:
    """The mind of an arm. Raises ValueError if its setup is damaged or of another version."""
    told, actor = ArmSetup.from_bytes(setup, path)
    if told.task not in MINDS:
        raise wrong(path, "task", repr(told.task), ", ".join(MINDS))
    return MINDS[told.task](told, actor)


def records(task: str) -> Records:
    """The records of an arm with a task, with a camera or without."""
    return MINDS[task].records if task in MINDS else records_of(task)


PLAN: PlanKind = WayHome
ROBOT = Robot(
    kind=KIND,
    tick_s=TICK_S,
    records=records,
    devices=devices,
    mind=mind,
    plan=PLAN,
    rests_within_s=WAY_HOME_S,
)
