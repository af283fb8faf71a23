"""Whether a car's devices are there and speak: ports, firmware, settings, compiled kernels; each with its remedy."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from drivers.base import LinkLost
from drivers.declared import driver_of, make_driver
from drivers.emulators.hidden_wiring import hidden_wiring, wired_as_documented
from drivers.emulators.virtual_car import start_virtual_car
from drivers.i2c_bus import I2CBus, NoAnswer
from drivers.pca9685 import PRE_SCALE, Pca9685Settings
from drivers.vesc import FIRMWARE_MIN, Vesc, VescSettings
from drivers.vesc_configuration import ask_servo_output
from robot.commissioning.camera_check import at_pipe, check_of_camera
from robot.commissioning.checks import Check
from robot.robots.car.car_file import CarFile, load_car
from robot.robots.car.compiled import PRACTICE, is_compiled
from robot.robots.car.eyes.seeing_car import CAMERA, has_eyes, load_seeing_car
from robot.runtime.clock import RealClock

LISTEN_S, POLL_S = 1.5, 0.02
SPIN_UP_S = 25.0  # for a lidar that has just got its power to send its first points


def checks(name: str) -> list[Check]:
    """Of a car by its name or file; a virtual one is started. Raises ValueError for a wrong file."""
    if has_eyes(name):
        return checks_of_seeing_car(name)
    robot = load_car(name)
    with ports_of(robot) as ports:
        motor = replace(robot.motor, port=ports["motor"])
        lidar = replace(robot.lidar, port=ports["lidar"])
        lidar_checks = checks_of_lidar(make_driver(lidar, RealClock()))
        return [*checks_of_motor(motor), *lidar_checks, kernels(is_compiled(PRACTICE))]


def checks_of_seeing_car(name: str) -> list[Check]:
    """Of a car with a camera and no lidar."""
    robot = load_seeing_car(name)
    with ExitStack() as stack:
        motor, camera = robot.motor, robot.camera
        if robot.virtual:
            car = stack.enter_context(
                start_virtual_car(
                    wired_as_documented().config(clock="realtime", camera_seed=0, motor_model=driver_of(motor).name)
                )
            )
            motor, camera = replace(motor, port=car.ports["motor"]), at_pipe(camera, car.ports[CAMERA])
        return [*checks_of_motor(motor), check_of_camera(camera), kernels(is_compiled(PRACTICE))]


@contextmanager
def ports_of(robot: CarFile) -> Iterator[dict[str, str]]:
    """Where its devices are."""
    if not robot.virtual:
        yield {"motor": robot.motor.port, "lidar": robot.lidar.port}
        return
    wired = wired_as_documented() if robot.wiring_seed is None else hidden_wiring(robot.wiring_seed)
    kinds = {"lidar_model": robot.emulated_lidar, "motor_model": driver_of(robot.motor).name}
    with start_virtual_car(wired.config(clock="realtime", **kinds)) as car:
        yield car.ports


def checks_of_motor(settings: VescSettings | Pca9685Settings) -> list[Check]:
    """Of whatever drives it. Nothing is commanded."""
    return checks_of_chip(settings) if isinstance(settings, Pca9685Settings) else checks_of_vesc(settings)


def checks_of_vesc(settings: VescSettings) -> list[Check]:
    """Port, firmware, servo output, IMU and faults."""
    vesc = Vesc(settings, RealClock())
    try:
        vesc.open()
    except LinkLost as error:
        return [Check("motor port", False, settings.port, str(error))]
    try:
        for _ in range(round(LISTEN_S / POLL_S)):
            vesc.read()
            time.sleep(POLL_S)
        trouble = vesc.trouble()
    except LinkLost as error:
        return [Check("motor port", False, settings.port, str(error))]
    finally:
        vesc.close()
    found = [Check("motor port", True, settings.port)]
    if not vesc.firmware or vesc.too_old:
        return [*found, Check("motor firmware", False, vesc.firmware or "no answer", trouble)]
    found.append(Check("motor firmware", True, f"{vesc.firmware}, {FIRMWARE_MIN}.0 or newer is needed"))
    found.append(Check("motor answers", not trouble, trouble or "values and IMU", trouble))
    return [*found, servo_output(settings)]


def checks_of_chip(settings: Pca9685Settings) -> list[Check]:
    """Bus and address. The chip is not told anything: a wrong pulse would drive."""
    bus = I2CBus(settings.port)
    try:
        bus.open()
        bus.transfer(settings.address, bytes([PRE_SCALE]), 1)
    except NoAnswer as error:
        return [Check("motor port", True, settings.port), Check("motor answers", False, "no answer", str(error))]
    except LinkLost as error:
        return [Check("motor port", False, settings.port, str(error))]
    finally:
        bus.close()
    return [
        Check("motor port", True, settings.port),
        Check("motor answers", True, f"a chip at 0x{settings.address:02x}"),
    ]


def servo_output(settings: VescSettings) -> Check:
    name = "servo output"
    try:
        enabled = ask_servo_output(settings)
    except LinkLost as error:
        return Check(name, False, settings.port, str(error))
    if enabled is None:
        return Check(name, True, "this firmware does not tell; robot setup car sees whether the wheels follow")
    if enabled:
        return Check(name, True, "enabled")
    return Check(
        name, False, "disabled: the front wheels will not move", "VESC Tool: App Settings, General, Enable Servo Output; write it, "
        "and restart the controller",
    )  # fmt: skip


def checks_of_lidar(driver: Any) -> list[Check]:
    """Port or address, and whether points come."""
    port = driver.settings.port
    try:
        driver.open()
        reading = driver.read()
        for _ in range(
            round(SPIN_UP_S / POLL_S)
        ):  # by looks, not by time: the first one may have to compile what it needs
            if reading.revolution > 0:
                break
            time.sleep(POLL_S)
            reading = driver.read()
        trouble = driver.trouble()
    except LinkLost as error:
        return [Check("lidar port", False, port, str(error))]
    finally:
        driver.stop()
        driver.close()
    found = [Check("lidar port", True, port)]
    if reading.revolution > 0:
        return [*found, Check("lidar answers", True, getattr(driver, "model", "") or "points come")]
    return [
        *found,
        Check("lidar answers", False, f"no points within {SPIN_UP_S:.0f} s", trouble or "is it free to turn?"),
    ]


def kernels(compiled: bool) -> Check:
    name = "kernels"
    if compiled:
        return Check(name, True, "compiled")
    return Check(
        name, False, "not compiled on this machine", "robot practice --clock lockstep --minutes 0.1 compiles them, once: a minute, or "
        "a few on a small computer",
    )  # fmt: skip
