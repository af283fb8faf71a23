"""What `robot run` does: connect, fly one mission with a run's policy, keep log and figures in a new run's folder."""

import json
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import numpy as np

from drivers.emulators.virtual_motion_capture import VirtualMotionCapture
from policies.array_file import write_bytes_atomically
from policies.policy_file import EVERY_KIND, load_policy
from robot.robots.quadrotor import figures
from robot.robots.quadrotor.app_of_run import learned_with
from robot.robots.quadrotor.devices import CrazyflieDevice, devices_of, tell_drag
from robot.robots.quadrotor.drone_file import DroneFile, load_drone
from robot.robots.quadrotor.flight import LOG_FILE, Flight
from robot.robots.quadrotor.flown import Phase
from robot.robots.quadrotor.host_policy import HostPolicy
from robot.robots.quadrotor.mission_plot import plot_flight
from robot.robots.quadrotor.on_board import OnBoardPolicy
from robot.robots.quadrotor.setup import FLIGHT_TASKS, FlightOptions, FlightSetup
from robot.robots.quadrotor.virtual_drone import true_place, virtual_drone
from robot.runtime.clock import RealClock
from robot.runtime.run_folder import new_run_folder, policy_path, save_config
from sim.quadrotor.model import load_parameters

LANDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
SHIPPED = {"any": Path(__file__).parents[3] / "policies" / "shipped" / "any_quadrotor.npz"}  # robot run --policy NAME
TICKS_S = {"board": OnBoardPolicy.tick_s, "host": HostPolicy.tick_s}


def run_mission(
    run: Path, robot: str, policy_on: Literal["board", "host"], loss: float, seed: int, config: Any,
    show: Callable[[Phase, float], None], root: Path = Path("runs"), quadrotor: str = "",
    positioning: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Fly, and return the figures of the verb's last line.

    policy_on: "board" or "host". quadrotor, positioning: of a virtual drone, instead of its file's. config: saved beside
    the log. Raises ValueError for a wrong run or robot, LinkLost if no drone answers.
    """
    file, clock = load_drone(robot), RealClock()
    if loss and not file.virtual:
        raise ValueError(f"--loss: found {loss}, allowed on a real drone: 0")
    for option, value in (("quadrotor", quadrotor), ("positioning", positioning)):
        if value and not file.virtual:
            raise ValueError(f"--{option}: found {value}, allowed with a virtual drone alone")
    cameras = file.motion_capture
    if positioning and cameras is not None:
        raise ValueError(
            f"--positioning: found {positioning}, allowed for a robot's file with devices.motion_capture: none"
        )
    quadrotor, positioning = quadrotor or file.quadrotor, positioning or file.positioning
    setup = setup_of(run, file, policy_on, quadrotor)
    with ExitStack() as stack:
        uri, truth = file.crazyflie.uri, None
        if file.virtual:
            lost = cameras is not None  # it knows nothing but the poses that it is sent
            drone = stack.enter_context(
                virtual_drone(
                    run,
                    loss,
                    seed,
                    quadrotor,
                    positioning="none" if lost else positioning,
                    wiring_seed=file.wiring_seed,
                )
            )
            uri, truth = drone.uri, lambda: true_place(drone)
            if cameras is not None and cameras.udp:
                stack.enter_context(VirtualMotionCapture(drone, cameras.body, cameras.address(), seed))
        devices = devices_of(file, uri, TICKS_S[setup.options.policy_on], clock)
        flight = Flight(setup, devices, clock, truth, show)
        for device in devices.values():
            stack.callback(device.close)
            device.open()
        crazyflie = devices["crazyflie"]
        assert isinstance(crazyflie, CrazyflieDevice)
        tell_drag(crazyflie.driver, setup.quadrotor)
        folder = new_run_folder(root, setup.task, "flight")
        save_config(folder, config)
        with landing_on_signal(flight):
            flown = flight.fly(folder / LOG_FILE)
        touched_m_s = drone.truth().impact_m_s if file.virtual else flight.mind.mission.fall_m_s
    told = {
        "run": str(folder),
        "policy": str(run),
        "task": setup.task,
        "policy_on": policy_on,
        "quadrotor": quadrotor or learned_with(run),
        "positioning": positioning,
        "position_error_m": flown.position_error_m,
        "position_error_max_m": max(flown.errors_m, default=None),
        "position_error_from_ground_m": float(np.mean(flown.errors_from_ground_m))
        if flown.errors_from_ground_m
        else None,
        "judged_by": "estimate" if truth is None else "truth",
        "firmware": flight.mind.drone.firmware,
        "decisions_checked": flight.mind.pilot.checked,
        "took_off": flown.took_off,
        "landed": flown.landed,
        "touch_down_m_s": touched_m_s if flown.took_off else None,
        "battery_min_v": None if math.isnan(flown.battery_min_v) else flown.battery_min_v,
        "trouble": flown.trouble,
        "interrupted": flight.interrupted,
    }
    write_bytes_atomically(folder / "summary.json", [json.dumps(told, indent=2).encode()])
    plot_flight(folder)
    return told


def setup_of(run: Path, drone: DroneFile, policy_on: Literal["board", "host"], quadrotor: str = "") -> FlightSetup:
    """A flight with a run's policy. quadrotor: what it flies; empty: see `learned_with`. Raises ValueError."""
    path = policy_path(run) if run.is_dir() else run
    policy = load_policy(path, kinds=EVERY_KIND)
    if (task := policy.metadata["task"]) not in FLIGHT_TASKS:
        raise ValueError(f"{run}: field task is {task!r}, allowed: {', '.join(FLIGHT_TASKS)}")
    box = drone.crazyflie
    options = FlightOptions(policy_on, box.reach_m, box.height_max_m, drone.motion_capture is not None)
    return FlightSetup(policy, load_parameters(learned_with(run, quadrotor)), options, figures.STEPS)


@contextmanager
def landing_on_signal(flight: Flight) -> Iterator[None]:
    """Land on Ctrl-C, a closed terminal and the like, instead of dying in the air."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        flight.interrupted = True

    before = {number: signal.signal(number, on_signal) for number in LANDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
