"""What `robot run` does: connect, fly one mission with a run's policy, keep log and figures in a new run's folder."""

import json
import math
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from drivers.crazyflie import Crazyflie, CrazyflieSettings
from drivers.emulators.virtual_motion_capture import VirtualMotionCapture
from firmware_export.network import Network
from policies.array_file import write_bytes_atomically
from robot.robots.quadrotor.app_of_run import learned_with
from robot.robots.quadrotor.figures import Figure, FigureOfEight, HoverAtPoints
from robot.robots.quadrotor.flight_log import FlightLog, is_flight
from robot.robots.quadrotor.flown import Phase
from robot.robots.quadrotor.host_policy import HostPolicy
from robot.robots.quadrotor.mission import Mission
from robot.robots.quadrotor.mission_plot import plot_flight
from robot.robots.quadrotor.motion_capture import MotionCapture, MotionCaptureSettings
from robot.robots.quadrotor.on_board import LOGGED, OnBoardPolicy
from robot.robots.quadrotor.pilot import Pilot
from robot.robots.quadrotor.virtual_drone import true_place, virtual_drone
from robot.robots.robot_file import CrazyflieLink, load_drone
from robot.runtime.clock import Clock, RealClock
from robot.runtime.run_folder import new_run_folder, save_config
from robot.tasks.network_of_run import network_of_run
from robot.tasks.track_trajectory import LAP_S, figure_of_eight
from sim.quadrotor.model import load_parameters

LANDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
FIGURES: dict[str, Callable[[], Figure]] = {"hover": HoverAtPoints, "track_trajectory": FigureOfEight}


def run_mission(
    run: Path, robot: str, policy_on: str, loss: float, seed: int, config: Any, show: Callable[[Phase, float], None],
    root: Path = Path("runs"), quadrotor: str = "", positioning: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Fly, and return the figures of the verb's last line.

    policy_on: "board" or "host". quadrotor, positioning: of a virtual drone, instead of its file's. config: saved beside
    the log. Raises ValueError for a wrong run or robot, LinkLost if no drone answers.
    """
    drone_config = load_drone(robot)
    if loss and not drone_config.virtual:
        raise ValueError(f"--loss: found {loss}, allowed on a real drone: 0")
    for option, value in (("quadrotor", quadrotor), ("positioning", positioning)):
        if value and not drone_config.virtual:
            raise ValueError(f"--{option}: found {value}, allowed with a virtual drone alone")
    network = network_of_run(run)
    if network.task not in FIGURES:
        raise ValueError(f"{run}: field task is {network.task!r}, allowed: {', '.join(FIGURES)}")
    link, clock = drone_config.crazyflie, RealClock()
    if positioning and link.motion_capture is not None:
        raise ValueError(f"--positioning: found {positioning}, allowed for a robot file with motion_capture: none")
    quadrotor, positioning = quadrotor or link.quadrotor, positioning or link.positioning
    pilot = pilot_for(run, network, policy_on, quadrotor)
    with ExitStack() as stack:
        uri, truth = link.uri, None
        if drone_config.virtual:
            lost = link.motion_capture is not None  # it knows nothing but the poses that it is sent
            drone = stack.enter_context(
                virtual_drone(run, loss, seed, quadrotor, positioning="none" if lost else positioning)
            )
            uri, truth = drone.uri, lambda: true_place(drone)
            if link.motion_capture is not None and link.motion_capture.udp:
                stack.enter_context(
                    VirtualMotionCapture(drone, link.motion_capture.body, link.motion_capture.address(), seed)
                )
        settings = CrazyflieSettings(
            uri, reach_m=link.reach_m, height_max_m=link.height_max_m, log_period_ms=round(1000 * pilot.tick_s),
            extra=LOGGED,
        )  # fmt: skip
        driver = Crazyflie(settings, clock)
        stack.callback(driver.close)
        driver.open()
        capture = motion_capture_of(link, driver, clock)
        if capture is not None:
            stack.enter_context(capture)
        folder = new_run_folder(root, network.task, "flight")
        save_config(folder, config)
        log = stack.enter_context(FlightLog(folder / "log.mcap"))
        mission = Mission(driver, pilot, FIGURES[network.task](), clock, log, truth, show, capture)
        with landing_on_signal(mission):
            flown = mission.fly()
        firmware = driver.firmware
    figures = {
        "run": str(folder),
        "policy": str(run),
        "task": network.task,
        "policy_on": policy_on,
        "quadrotor": quadrotor or learned_with(run),
        "positioning": positioning,
        "position_error_m": flown.position_error_m,
        "position_error_max_m": max(flown.errors_m, default=None),
        "judged_by": "estimate" if truth is None else "truth",
        "firmware": firmware,
        "took_off": flown.took_off,
        "landed": flown.landed,
        "battery_min_v": None if math.isnan(flown.battery_min_v) else flown.battery_min_v,
        "trouble": flown.trouble,
        "interrupted": mission.interrupted,
    }
    write_bytes_atomically(folder / "summary.json", [json.dumps(figures, indent=2).encode()])
    if is_flight(folder):
        plot_flight(folder)
    return figures


def motion_capture_of(link: CrazyflieLink, driver: Crazyflie, clock: Clock) -> MotionCapture | None:
    """What forwards the poses of a robot's file to the drone, if it has a motion capture. Raises ValueError."""
    told = link.motion_capture
    if told is None:
        return None
    file = Path(told.file) if told.file else None
    return MotionCapture(MotionCaptureSettings(told.body, told.address() if told.udp else None, file), driver, clock)


def pilot_for(run: Path, network: Network, policy_on: str, quadrotor: str = "") -> Pilot:
    """The policy of this network, on board or on this computer. quadrotor: what it flies; empty: see `learned_with`."""
    follows = network.task == "track_trajectory"
    if policy_on == "board":
        return OnBoardPolicy(network.sha256, network.rate_hz, LAP_S if follows else None)
    return HostPolicy(network, load_parameters(learned_with(run, quadrotor)), figure_of_eight() if follows else None)


@contextmanager
def landing_on_signal(mission: Mission) -> Iterator[None]:
    """Land on Ctrl-C, a closed terminal and the like, instead of dying in the air."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        mission.interrupted = True

    before = {number: signal.signal(number, on_signal) for number in LANDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
