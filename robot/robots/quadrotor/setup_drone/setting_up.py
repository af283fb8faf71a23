"""The set-up of one Crazyflie, step by step: from the floor to a hop, and its file."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from drivers.base import LinkLost
from drivers.crazyflie import Crazyflie
from drivers.emulators.virtual_crazyflie import VirtualCrazyflie, start_virtual_crazyflie
from robot.commissioning.steps import Found, SetupError, Step
from robot.robots.quadrotor.drone_file import load_drone
from robot.robots.quadrotor.setup_drone import looking
from robot.robots.quadrotor.setup_drone.file import write_drone_file
from robot.robots.quadrotor.setup_drone.hidden_drone import HiddenDrone, drone_as_documented, hidden_drone
from robot.robots.quadrotor.setup_drone.hop import hop
from robot.robots.quadrotor.setup_drone.options import DroneSetupOptions
from robot.runtime.clock import RealClock
from sim.quadrotor.model import load_parameters

DRONE_FILE = "drone.toml"
NAMES = (
    "gyro_bias_x_rad_s", "gyro_bias_y_rad_s", "gyro_bias_z_rad_s", "level_roll_rad", "level_pitch_rad", "battery_v", "propeller_1",
    "propeller_2", "propeller_3", "propeller_4", "battery_sag_v", "hover_thrust",
)  # fmt: skip
HARD_M_S = 1.0  # a touch-down that is faster counts as a touch
ON_THE_FLOOR = (
    "Put the drone on a firm, level floor, its battery charged and plugged in, 1.5 m free on every side and above. Switch its "
    "positioning system on, then the drone, and leave it alone."
)
PROPELLERS_FREE = (
    "Its propellers will turn, one after the other, then together, for a moment. Keep hands and cables away."
)
IT_WILL_HOP = "It will hop: 0.4 m up, a few seconds there, and down. Step back two metres; Ctrl-C lands it."

Tell = Callable[[float, str], None]


class SettingUpDrone:
    """One drone's. Raises ValueError for options that do not fit it. Use as a context: it leaves nothing behind."""

    def __init__(self, options: DroneSetupOptions, folder: Path) -> None:
        drone = load_drone(options.robot)
        if options.hidden_seed is not None and not drone.virtual:
            raise ValueError(f"--hidden-seed: found {options.hidden_seed}, allowed: with a virtual drone alone")
        if options.hidden_seed is not None and options.hidden_seed < 0:
            raise ValueError(f"--hidden-seed: found {options.hidden_seed}, allowed: 0 or more")
        if options.uri and drone.virtual:
            raise ValueError(f"--uri: found '{options.uri}', allowed: with a real drone alone")
        if drone.motion_capture is not None:
            raise ValueError(
                f"--robot: found '{options.robot}', which is sent its place by cameras; allowed: one that finds it by a deck. "
                "docs/motion_capture.md has the other"
            )
        self.options, self.folder, self.drone = options, folder, drone
        self.virtual = drone.virtual
        self.title = f"{options.robot}, into {folder / DRONE_FILE}"
        seed = drone.wiring_seed if options.hidden_seed is None else options.hidden_seed
        self.wiring_seed = seed
        self._hidden: HiddenDrone | None = None
        if drone.virtual:
            documented = drone_as_documented(drone.quadrotor, drone.positioning, options.seed)
            self._hidden = documented if seed is None else hidden_drone(seed)
        self.touches = 0  # by the virtual drone's truth
        self._emulator: VirtualCrazyflie | None = None
        self._clock = RealClock()
        self._open: Crazyflie | None = None
        self.steps: Sequence[Step] = (
            Step("link", "radio, firmware and decks", ON_THE_FLOOR, self._link),
            Step("at_rest", "battery, IMU and estimator", "", self._at_rest),
            Step("tests", "propellers, and the battery under load", PROPELLERS_FREE, self._tests),
            Step("hop", "the thrust that carries it", IT_WILL_HOP, self._hop),
            Step("file", "the robot's file", "", self._write),
        )

    def __enter__(self) -> "SettingUpDrone":
        return self

    def __exit__(self, *raised: object) -> None:
        if self._open is not None:
            self._open.stop()
            self._open.close()
        if self._emulator is not None:
            self._emulator.close()

    @contextmanager
    def _connected(self) -> Iterator[Crazyflie]:
        """The drone, its link open. Raises SetupError."""
        if self._open is None:
            if self._hidden is not None and self._emulator is None:
                self._emulator = start_virtual_crazyflie(self._hidden.config)
            uri = (
                self._emulator.uri if self._emulator else looking.find_uri(self.options.uri or self.drone.crazyflie.uri)
            )
            drone = Crazyflie(replace(self.drone.crazyflie, uri=uri), self._clock)
            looking.connect(drone)
            self._open = drone
        before = self._hard_touches
        try:
            yield self._open
        except LinkLost as error:
            lost, self._open = self._open, None
            lost.close()
            raise SetupError(str(error)) from error
        finally:
            self.touches += self._hard_touches - before

    @property
    def _hard_touches(self) -> int:
        return 0 if self._emulator is None else int(self._emulator.truth().impact_m_s > HARD_M_S)

    def _link(self, found: dict[str, Found], tell: Tell) -> Found:
        with self._connected() as drone:
            told = looking.who(drone, self._clock)
        if not told["positioning"]:
            raise SetupError(
                "it has no deck that tells it where it is (Lighthouse, Flow v2, Loco): it can be flown by cameras alone, docs/motion_capture.md"
            )
        return told

    def _at_rest(self, found: dict[str, Found], tell: Tell) -> Found:
        with self._connected() as drone:
            return looking.at_rest(drone, self._clock, True, tell)

    def _tests(self, found: dict[str, Found], tell: Tell) -> Found:
        """What is not in balance is named, and does not hop."""
        with self._connected() as drone:
            return looking.tests_of_itself(drone, self._clock, tell)

    def _hop(self, found: dict[str, Found], tell: Tell) -> Found:
        values = looking.as_values(found)
        if wrong := looking.wrong_propellers(values):
            raise SetupError(f"it is not flown: {', '.join(wrong)}. Change what is bent, and set it up anew", anew=True)
        if found["at_rest"]["unsteady"]:
            raise SetupError(f"it is not flown: {found['at_rest']['unsteady']}. Set it up anew", anew=True)
        tilted = [value.refused for value in values if value.name.startswith("level") and value.refused]
        if tilted:
            raise SetupError(
                f"it is not flown: it does not lie level, or its IMU is loose: {tilted[0]}. Set it up anew", anew=True
            )
        model = load_parameters(found["link"]["quadrotor"]) if found["link"]["quadrotor"] else None
        with self._connected() as drone:
            return hop(drone, self._clock, model, tell)

    def _write(self, found: dict[str, Found], tell: Tell) -> Found:
        path = self.folder / DRONE_FILE
        try:
            write_drone_file(path, self.options.robot, found["link"], looking.as_values(found), self.wiring_seed)
        except ValueError as error:
            raise SetupError(str(error)) from error
        return {"config": str(path)}

    def figures(self, found: dict[str, Found]) -> dict[str, Any]:
        """For `--json`. parameters: of the values that are believed. within: whether each holds the truth, if anybody
        knows that. refused: what is not believed, or was not found out. touches: of the ground, too hard.
        """
        values = {value.name: value for value in looking.as_values(found)}
        believed = {name: value for name, value in values.items() if not value.refused}
        right = {} if self._hidden is None else self._hidden.right
        link = found.get("link", {})
        within = all(
            believed[name].low <= true <= believed[name].high for name, true in right.items() if name in believed
        )
        if self._hidden is not None and link:
            within = within and link["quadrotor"] == self._hidden.config.quadrotor
            within = within and link["positioning"] == [self._hidden.config.positioning]
        return {
            "config": found.get("file", {}).get("config"),
            "parameters": {
                name: {"value": value.value, "interval": [value.low, value.high], "true": right.get(name)}
                for name, value in believed.items()
            },
            "within": within if self.virtual else None,
            "refused": [name for name in NAMES if name not in believed],
            "reasons": {name: value.refused for name, value in values.items() if value.refused},
            "touches": self.touches if self.virtual else None,
            "firmware": link.get("firmware"),
            "quadrotor": link.get("quadrotor"),
            "positioning": link.get("positioning"),
        }

    def lines(self, found: dict[str, Found]) -> list[tuple[str, str]]:
        """Name and what was found, for a person."""
        link = found.get("link", {})
        told: list[tuple[str, str]] = [
            (name, str(link[name])) for name in ("uri", "firmware", "type", "positioning") if name in link
        ]
        if link.get("flies_policies"):
            told.append(("policies", link["flies_policies"]))
        return told + [(value.name, value.refused or value.text) for value in looking.as_values(found)]

    def next_command(self, found: dict[str, Found]) -> str:
        """What to do after the last step."""
        return f"robot run RUN --robot {found['file']['config']}          RUN: a policy, of robot train --task hover"
