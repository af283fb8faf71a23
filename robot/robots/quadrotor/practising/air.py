"""The drone of a session, connected: in this process on its own time, in a process of its own, or a real one."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from drivers.crazyflie import Crazyflie
from drivers.emulators.crazyflie import WARM_UP_MS, build_firmware
from drivers.emulators.crazyflie_lockstep import LockstepCrazyflie
from drivers.emulators.virtual_crazyflie import VirtualCrazyflieConfig, start_virtual_crazyflie
from firmware_export.crazyflie_app import build_for_host
from robot.robots.quadrotor.app_of_run import write_app_of_run
from robot.robots.quadrotor.app_words import LOGGED
from robot.robots.quadrotor.devices import CrazyflieDevice, devices_of
from robot.robots.quadrotor.drone_file import DroneFile, load_drone
from robot.robots.quadrotor.flown import Place
from robot.robots.quadrotor.on_board import OnBoardPolicy
from robot.robots.quadrotor.over_the_air import KERNEL
from robot.robots.quadrotor.practising.hidden import hidden_for_practice
from robot.robots.quadrotor.practising.options import DronePracticeOptions
from robot.robots.quadrotor.virtual_drone import true_place
from robot.runtime.clock import Clock, RealClock
from robot.runtime.robot import Device
from sim.scratch_folder import scratch_folder


@dataclass
class Air:
    """truth: where the drone really is, for judges; None of a real one. touched_m_s: how hard it has touched the ground so far."""

    file: DroneFile
    driver: Crazyflie
    devices: dict[str, Device]
    clock: Clock
    truth: Callable[[], Place] | None
    touched_m_s: Callable[[], float] | None


@contextmanager
def in_the_air(options: DronePracticeOptions, policy: Path) -> Iterator[Air]:
    """The drone that the options mean, connected until the block ends; a virtual one has a policy flashed.

    Raises ValueError for options that do not fit, LinkLost if no drone answers.
    """
    file = load_drone(options.robot)
    if not file.virtual:
        for name, value in (("hidden-seed", options.hidden_seed), ("loss", options.loss or None)):
            if value is not None:
                raise ValueError(f"--{name}: found {value}, allowed: with a virtual drone")
        if options.clock == "lockstep":
            raise ValueError("--clock: found 'lockstep', allowed for a real drone: realtime")
    elif file.motion_capture is not None or file.wiring_seed is not None:
        raise ValueError(f"--robot: found {options.robot}, allowed: a virtual drone that knows by itself where it is, without "
                         "wiring_seed")  # fmt: skip
    with ExitStack() as stack:
        if not file.virtual:
            air = real(file, file.crazyflie.uri, None, None)
        else:
            with scratch_folder("policy-app") as folder:
                write_app_of_run(policy, folder, options.quadrotor, KERNEL)
                config = virtual_config(options, file, str(build_for_host(folder)))
                if options.clock == "lockstep":
                    air = lockstep(file, config)
                else:
                    drone = stack.enter_context(start_virtual_crazyflie(config))
                    air = real(file, drone.uri, lambda: true_place(drone), lambda: drone.truth().impact_m_s)
        for device in air.devices.values():
            stack.callback(device.close)
            device.open()
        yield air


def virtual_config(options: DronePracticeOptions, file: DroneFile, app: str) -> VirtualCrazyflieConfig:
    """What the emulator is to be."""
    config = VirtualCrazyflieConfig(quadrotor=options.quadrotor, app=app, seed=options.seed, loss=options.loss)
    if file.positioning:
        config = msgspec.structs.replace(config, positioning=file.positioning)
    return config if options.hidden_seed is None else hidden_for_practice(options.hidden_seed, config)


def real(file: DroneFile, uri: str, truth: Callable[[], Place] | None, touched_m_s: Callable[[], float] | None) -> Air:
    """A drone at an address, in real time."""
    clock = RealClock()
    devices = devices_of(file, uri, OnBoardPolicy.tick_s, clock)
    crazyflie = devices["crazyflie"]
    assert isinstance(crazyflie, CrazyflieDevice)
    return Air(file, crazyflie.driver, devices, clock, truth, touched_m_s)


def lockstep(file: DroneFile, config: VirtualCrazyflieConfig) -> Air:
    """A virtual drone in this process, whose time stands still unless somebody waits: the same flights on any machine."""
    firmware = build_firmware(config)
    for _ in range(WARM_UP_MS):
        firmware.tick()
    driver = LockstepCrazyflie(firmware, file.crazyflie, round(1000.0 * OnBoardPolicy.tick_s), LOGGED)
    devices: dict[str, Device] = {"crazyflie": CrazyflieDevice(driver)}

    def place() -> Place:
        return Place(1e-3 * firmware.now_ms, np.array(firmware.body.state[:3]))

    return Air(file, driver, devices, driver.clock, place, lambda: firmware.impact_m_s)
