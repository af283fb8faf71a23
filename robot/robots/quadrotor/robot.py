"""The quadrotor, as the runtime is told of it."""

from robot.robots.quadrotor.mind import mind
from robot.robots.quadrotor.on_board import OnBoardPolicy
from robot.robots.quadrotor.records import records_of
from robot.robots.quadrotor.setup import KIND
from robot.runtime.clock import Clock
from robot.runtime.robot import Device, Robot
from robot.runtime.session_file import SessionFile

TICK_S = OnBoardPolicy.tick_s


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    """Those of a session. Raises ValueError for what is wrong in the robot's file."""
    # Both need cflib, which a list of robots and a replay do without.
    from robot.robots.quadrotor.devices import devices_of
    from robot.robots.quadrotor.drone_file import load_drone

    return devices_of(load_drone(session.robot), session.ports["crazyflie"], TICK_S, clock)


ROBOT = Robot(
    kind=KIND,
    tick_s=TICK_S,
    records=records_of,
    devices=devices,
    mind=mind,
    rehearse=lambda setup: None,  # a mind that is made has decided once; nothing is planned: the app on board lands it
)
