"""The mind of a quadrotor: its mission, one tick at a time, from READINGS and setup alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from firmware_export.agreed import policy_sha256
from firmware_export.network import network_of
from robot.robots.quadrotor.drone import Drone
from robot.robots.quadrotor.figures import Figure, FigureOfEight, HoverAtPoints
from robot.robots.quadrotor.flown import TABLE, Flag
from robot.robots.quadrotor.host_policy import HostPolicy
from robot.robots.quadrotor.mission import Mission
from robot.robots.quadrotor.on_board import OnBoardPolicy
from robot.robots.quadrotor.pilot import Pilot
from robot.robots.quadrotor.records import records_of
from robot.robots.quadrotor.setup import FlightSetup
from robot.robots.quadrotor.witness import Witness
from robot.runtime.robot import NOTHING_PLANNED
from robot.safety.supervisor import Supervisor
from robot.tasks import find_task
from robot.tasks.track_trajectory import figure_of_eight


class FlightMind:
    """One flight, as `robot.runtime.robot.Mind`. It learns nothing, so it takes no weights."""

    takes_weights = False

    def __init__(self, setup: FlightSetup) -> None:
        self.records = records_of(setup.task)
        self.outputs = np.zeros((), self.records.outputs)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.transition: np.ndarray | None = None
        self.episode: dict[str, Any] | None = None
        self.files: dict[str, bytes] = {}
        self.stop_plan = NOTHING_PLANNED
        self.weights = setup.policy.weights
        self.drone = Drone(setup.options.reach_m, setup.options.height_max_m, self.outputs["command"])
        self.pilot = pilot_of(setup)
        self.tick_s = self.pilot.tick_s
        self.mission = Mission(self.drone, self.pilot, figure_of(setup), setup.options.motion_capture)
        self._script = self.mission.fly()
        next(self._script)  # to where it waits for the first tick
        self._supervisor = Supervisor(TABLE)
        self._decided = 0

    def set_weights(self, weights: np.ndarray, belief: Mapping[str, float]) -> None:
        raise ValueError("a flight takes no weights but those of its setup")

    def tick(self, readings: np.ndarray) -> None:
        out, mission = self.outputs, self.mission
        out["tick"], out["time_s"], out["life"] = readings["tick"], readings["time_s"], readings["life"]
        self.drone.take(readings)
        self.pilot.hear(self.drone)
        mission.flags, mission.notes = Flag(0), []
        out["finished"] = next(self._script, True) is True
        out["mode"] = self._supervisor.decide(mission.flags, self.drone.time_s)
        out["reason"], out["flags"], out["phase"] = self._supervisor.reason, mission.flags, mission.tick_phase
        out["is_decision"], self._decided = self.pilot.decisions != self._decided, self.pilot.decisions
        out["decision"] = self.pilot.decisions
        out["observation"] = self.pilot.observation
        out["proposed"] = out["executed"] = self.pilot.action
        figures, flown = out["figures"], mission.flown
        figures["set_point_m"], figures["goal_m"], figures["home_m"] = mission.set_point, mission.goal, mission.home
        figures["began_board_s"], figures["battery_min_v"] = mission.began_board_s, flown.battery_min_v
        figures["decisions_checked"] = self.pilot.checked
        figures["share"], figures["policy_flies"], figures["airborne"] = mission.share, mission.flies, mission.airborne
        figures["took_off"], figures["landed"] = flown.took_off, flown.landed
        self.events = mission.notes


def mind(setup: bytes, path: Path) -> FlightMind:
    """The mind of a flight. Raises ValueError if its setup is damaged or of another version."""
    return FlightMind(FlightSetup.from_bytes(setup, path))


def pilot_of(setup: FlightSetup) -> Pilot:
    """The policy, on board or on this computer."""
    follows, lap_s = follows_path(setup), setup.options.lap_s
    if setup.options.policy_on == "board":
        rate_hz = float(setup.policy.metadata["rate_hz"])
        spec = find_task(setup.task)
        witness = Witness(network_of(setup.policy, spec.observation, spec.action))
        return OnBoardPolicy(policy_sha256(setup.policy), rate_hz, witness, lap_s if follows else None)
    return HostPolicy(setup.policy, setup.quadrotor, figure_of_eight(lap_s) if follows else None)


def figure_of(setup: FlightSetup) -> Figure:
    """What is flown."""
    return FigureOfEight(setup.options.lap_s) if follows_path(setup) else HoverAtPoints(setup.points_m)


def follows_path(setup: FlightSetup) -> bool:
    """Whether the policy has the path, and its set-point rests."""
    return setup.task == "track_trajectory"
