"""The devices of a car with a camera, as the control loop sees them: the motor controller, and whoever looks through the camera."""

from dataclasses import replace

from drivers.declared import make_driver
from robot.perception.place import perceived
from robot.robots.car.devices import Motor
from robot.robots.car.eyes.seeing_car import load_seeing_car
from robot.runtime.clock import Clock
from robot.runtime.driver_device import DriverDevice
from robot.runtime.robot import Device
from robot.runtime.session_file import SessionFile


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    """Those of a session. Raises ValueError for what is wrong in the robot's file, or if nobody looks through its camera."""
    if session.perception is None:
        raise ValueError("session: perception: found none, allowed: of a process that looks through the camera")
    motor = replace(load_seeing_car(session.robot).motor, port=session.ports["motor"])
    return {
        "motor": Motor(make_driver(motor, clock), clock),
        "camera": DriverDevice(perceived(session.perception, clock)),
    }
