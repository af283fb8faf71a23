"""The set-up of one arm, step by step: from a bus of which nothing is known to a file by which it practises."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from drivers.base import LinkLost
from drivers.declared import driver_of, make_driver
from drivers.emulators.arm_wiring import ServoWiring, read_wiring, write_wiring
from drivers.emulators.virtual_arm import DEVICES, RunningArm, start_virtual_arm
from drivers.servo_bus import ServoSettings
from drivers.servo_dialect import Dialect
from drivers.servo_registers import ServoRegisters
from robot.commissioning.steps import Found, SetupError, Step
from robot.commissioning.values import Value
from robot.robots.arm.arm_file import ArmFile, load_arm
from robot.robots.arm.setup_arm import chain, touching, weighing
from robot.robots.arm.setup_arm.file import POSTURES, of_camera, of_motors, text_of, within_range, write_arm_file
from robot.robots.arm.setup_arm.hidden_wiring import HiddenWiring, as_documented, hidden_wiring
from robot.robots.arm.setup_arm.joints import JOINTS, LEADER, LEADER_JOINTS, LEADER_MOUNTING, Joint
from robot.robots.arm.setup_arm.lie_down_if_killed import lying_down_if_killed
from robot.robots.arm.setup_arm.options import ArmSetupOptions
from robot.robots.arm.setup_arm.ports import find_ports, has_servos, says_where_a_board_is
from robot.robots.arm.setup_arm.rig import Rig, Tell
from robot.robots.arm.setup_arm.truth import truth_of
from robot.robots.arm.setup_arm.turning import TOLD, Turning, steps_of_leader
from robot.robots.arm.setup_arm.values import NAMES, OF_LEADER
from robot.runtime.clock import LockstepClock, RealClock

ARM_FILE, WIRING_FILE = "arm.toml", "servos.json"
PRESSED_S = 0.3  # by the truth, a servo at its limit for longer counts as a touch
TRUTH_S = 30.0  # for the virtual arm to tell how it is: a judge in no hurry, on a busy machine
SLOPPY_RAD = 0.02  # by which the virtual person's hands stop short of an end, at most
TURNING_S, LYING_S = 4.5, 3.0
PLUG_IN = (
    "Plug the arm's adapter and the stage's cable into this computer, and power the servos. The arm lies on itself, folded; nothing is in "
    "its way. It does not move yet."
)
GIVE_PEG = (
    "Put the peg between the fingers, so that it stands out by its mark, and lay the arm down, folded together as it rests. It will rise "
    "and move slowly by itself, high over the board. Step back; Ctrl-C lays it down."
)
WILL_FEEL = (
    "It will feel for the board, and for its hole, with the peg, while the stage moves the board. Keep hands away."
)
ALL_IN = "Plug the cables of all servos in again."


class SettingUpArm:
    """One arm's. Raises ValueError for options that do not fit it. Use as a context: it leaves nothing behind."""

    def __init__(self, options: ArmSetupOptions, folder: Path) -> None:
        arm = load_arm(options.robot)
        if options.hidden_seed is not None and not arm.virtual:
            raise ValueError(f"--hidden-seed: found {options.hidden_seed}, allowed: with a virtual arm alone")
        if options.hidden_seed is not None and options.hidden_seed < 0:
            raise ValueError(f"--hidden-seed: found {options.hidden_seed}, allowed: 0 or more")
        if options.yes and not arm.virtual:
            raise ValueError(
                "--yes: found it, allowed: with a virtual arm alone; a real one's joints are turned by hand, when it asks for it"
            )
        self.options, self.folder, self.arm = options, folder, arm
        self.virtual = arm.virtual
        self.title = f"{options.robot}, into {folder / ARM_FILE}"
        self.wanted = tuple(sorted(arm.follower.ids))
        self.dialect: Dialect = make_driver(arm.follower, RealClock()).dialect
        self.wiring_seed = arm.wiring_seed if options.hidden_seed is None else options.hidden_seed
        self._hidden: HiddenWiring | None = None
        if arm.virtual:
            bus = driver_of(arm.follower).name
            self._hidden = as_documented(bus) if self.wiring_seed is None else hidden_wiring(self.wiring_seed, bus)
        self.touches = 0  # by the virtual arm's truth, in a step that did not come to its end
        self._emulator: RunningArm | None = None
        self._clock: RealClock | LockstepClock = RealClock()
        self._arm = Turning(JOINTS, self.wanted, self.dialect, self._registers, self._turn)
        self._leader = None if arm.leader is None else self._turning_of(arm.leader)
        self._hands = np.random.default_rng([options.seed, 0x4A2D])
        self.steps: Sequence[Step] = (
            Step("ports", "which port is whose", PLUG_IN, self._ports),
            Step("chain", "which servos answer", "", self._chain),
            *(
                Step(f"{joint.name}_id", f"an ID for {joint.name}", partial(self._ask_alone, k), partial(self._name, k))
                for k, joint in enumerate(JOINTS)
            ),
            Step("servos", "each ID has one servo", self._ask_for_all, self._servos),
            *self._arm.steps,
            Step("mounting", "directions, zeros and ranges", "", self._mounting),
            *([] if self._leader is None else steps_of_leader(self._leader)),
            Step("weight", "strength, friction, gain and backlash", GIVE_PEG, self._weigh),
            Step("board", "where the camera sees the hole, and where it is", WILL_FEEL, self._feel),
            Step("file", "the robot's file", "", self._write),
        )  # fmt: skip

    def __enter__(self) -> "SettingUpArm":
        return self

    def __exit__(self, *raised: object) -> None:
        if isinstance(self._clock, LockstepClock):
            self._clock.close()
        if self._emulator is not None:
            self._emulator.close()

    # The virtual arm, and the hands of its virtual person

    def _start(self) -> RunningArm | None:
        """The virtual arm, started once; what its servos keep outlives it."""
        if self._hidden is None or self._emulator is not None:
            return self._emulator
        wiring = self.folder / WIRING_FILE
        if not wiring.exists():
            write_wiring(wiring, self._hidden.wiring)
        arm, options = self.arm, self.options
        self._emulator = start_virtual_arm(
            options.clock, [*arm.rest_rad, arm.hold_rad], options.seed, self._hidden.rows, self._hidden.offset_m, wiring=str(wiring),
            leader=arm.leader is not None,
        )  # fmt: skip
        if options.clock == "lockstep":
            self._clock = LockstepClock(str(self._emulator.directory / "lockstep"))
        return self._emulator

    def _wait(self, seconds: float) -> None:
        self._clock.sleep_until(self._clock.now() + seconds)

    def _by_virtual_hands(self, joint_rad: dict[int, float], seconds: float, device: str = "follower") -> None:
        """What a person was asked for, where there is none."""
        if self._emulator is not None:
            told = {str(joint): angle for joint, angle in joint_rad.items()}
            self._emulator.fault("hand", joint_rad=told, device=device)
            self._wait(seconds)

    def _lay_down(self) -> None:
        if self._emulator is not None:
            self._by_virtual_hands(dict(enumerate([*self.arm.rest_rad, self.arm.hold_rad])), LYING_S)
            self._emulator.fault("leave")
            self._wait(0.5)

    @property
    def _wired(self) -> tuple[ServoWiring, ...]:
        return read_wiring(self.folder / WIRING_FILE).servos

    # Steps

    def _port(self, found: dict[str, Found], device: str) -> str:
        """Of a virtual arm it is another one each time that it is started."""
        port: str = found["ports"][device]
        emulator = self._start()
        return port if emulator is None else emulator.ports[port]

    def _registers(self, found: dict[str, Found]) -> AbstractContextManager[ServoRegisters]:
        return self._bus(self._port(found, "follower"), self.arm.follower.baud, self.dialect)

    @contextmanager
    def _bus(self, port: str, baud: int, dialect: Dialect) -> Iterator[ServoRegisters]:
        """Servos' bus, for questions. Raises SetupError for a cable that is gone."""
        try:
            with ServoRegisters(port, baud, dialect, self._clock) as registers:
                yield registers
        except LinkLost as error:
            raise SetupError(str(error)) from error

    def _ports(self, found: dict[str, Found], tell: Tell) -> Found:
        arm, emulator = self.arm, self._start()
        told, others = {"follower": arm.follower.port, "board": arm.board.port}, []
        if emulator is not None:  # somebody has plugged its cables in the one way or the other
            others = [emulator.ports[device] for device in DEVICES]
            told = dict(zip(told, others if (self.wiring_seed or 0) % 2 == 0 else others[::-1], strict=True))
        tests = {
            "board": lambda port: says_where_a_board_is(port, arm.board.baud, self._clock),
            "follower": lambda port: has_servos(port, arm.follower.baud, self.dialect, self._clock),
        }
        leader = [] if arm.leader is None or emulator is not None else [arm.leader.port]  # its servos answer as well
        ports = find_ports(told, tests, others, leader)
        if emulator is None:
            return ports
        names = {port: name for name, port in emulator.ports.items()}
        return {device: names[port] for device, port in ports.items()}

    def _chain(self, found: dict[str, Found], tell: Tell) -> Found:
        with self._registers(found) as registers:
            return chain.look(registers, self.wanted)

    def _ask_alone(self, joint: int, found: dict[str, Found]) -> str:
        if joint not in found["chain"]["alone"]:
            return ""
        return (
            f"Two servos have the same ID, {', '.join(map(str, found['chain']['doubled']))}. Unplug the cables of all servos but that of "
            f"{JOINTS[joint].name}, so that it alone is connected to the adapter."
        )

    def _name(self, joint: int, found: dict[str, Found], tell: Tell) -> Found:
        if joint not in found["chain"]["alone"]:
            return {}
        with self._registers(found) as registers:
            others = (
                [k for k, servo in enumerate(self._wired) if k != joint and servo.present] if self._emulator else []
            )
            self._plug(others, False)
            try:
                return {"had": chain.name_the_one(registers, joint, self.wanted)}
            finally:
                self._plug(others, True)

    def _plug(self, joints: list[int], on: bool) -> None:
        if self._emulator is not None:
            for joint in joints:
                self._emulator.fault("servo", joint=joint, on=on)
            self._wait(0.01)

    def _ask_for_all(self, found: dict[str, Found]) -> str:
        return ALL_IN if found["chain"]["alone"] else ""

    def _servos(self, found: dict[str, Found], tell: Tell) -> Found:
        with self._registers(found) as registers:
            chain.all_there(registers, self.wanted)
            registers.let_go(self.wanted)
        return {}

    def _turn(self, joint: int, end: str) -> None:
        """The virtual person's hands at a joint of the arm: to an end, or back to where it rests; the jaw stays."""
        if end != "back":
            self._by_virtual_hands({joint: self._end_rad(JOINTS[joint], end)}, TURNING_S)
        elif joint < len(JOINTS) - 1:
            self._by_virtual_hands({joint: self.arm.rest_rad[joint]}, TURNING_S)

    def _turn_leader(self, joint: int, end: str) -> None:
        """The same at its leader, whose joints stay."""
        if end != "back":
            self._by_virtual_hands({joint: self._end_rad(LEADER_JOINTS[joint], end)}, TURNING_S, LEADER)

    def _end_rad(self, joint: Joint, end: str) -> float:
        """Where hands stop, short of an end."""
        short_rad = float(self._hands.uniform(0.0, SLOPPY_RAD))
        low, high = joint.range_rad
        return low + short_rad if end == "low" else high - short_rad

    def _mounting(self, found: dict[str, Found], tell: Tell) -> Found:
        told = self._arm.mounting(found)
        self._lay_down()
        try:
            told |= within_range(self.arm, told["low_rad"], told["high_rad"])
        except ValueError as error:
            raise SetupError(str(error)) from error
        return told

    # Its leader, which is read alone: both ends of its joints are all that it needs

    def _turning_of(self, settings: ServoSettings) -> Turning:
        dialect: Dialect = make_driver(settings, RealClock()).dialect

        def registers(found: dict[str, Found]) -> AbstractContextManager[ServoRegisters]:
            emulator = self._start()
            return self._bus(settings.port if emulator is None else emulator.ports[LEADER], settings.baud, dialect)

        return Turning(LEADER_JOINTS, tuple(sorted(settings.ids)), dialect, registers, self._turn_leader)

    @contextmanager
    def _rig(self, found: dict[str, Found]) -> Iterator[Rig]:
        """The arm as hands have told it, raised. Raises SetupError."""
        arm = self.arm_found(found)
        try:
            with lying_down_if_killed(arm.follower) as says, \
                 Rig(arm, make_driver(arm.follower, self._clock), make_driver(arm.board, self._clock), self._clock, says) as rig:  # fmt: skip
                yield rig
        except LinkLost as error:
            raise SetupError(str(error)) from error

    def arm_found(self, found: dict[str, Found]) -> ArmFile:
        """What was found so far, as a file would tell it; its camera as it comes."""
        told = found["mounting"]
        follower: dict[str, Any] = {name: tuple(told[name]) for name in TOLD}
        postures: dict[str, Any] = {name: tuple(told[name]) for name in POSTURES}
        return replace(
            self.arm,
            follower=replace(self.arm.follower, port=self._port(found, "follower"), **follower),
            board=replace(self.arm.board, port=self._port(found, "board"), offset_m=(0.0, 0.0, 0.0)),
            **postures,
        )

    def _measure(self, found: dict[str, Found], measure: Callable[[Rig], Found]) -> Found:
        """Carry out a measurement, and note how long it took the arm."""
        before = self._pressed
        try:
            with self._rig(found) as rig:
                begin_s = rig.clock.now()
                told = measure(rig)
                told |= {"robot_s": round(rig.clock.now() - begin_s, 2)}
        except BaseException:
            self.touches += self._pressed - before
            raise
        return told | {"touches": self._pressed - before}

    @property
    def _pressed(self) -> int:
        return 0 if self._emulator is None else int(self._emulator.truth(TRUTH_S).overloaded_s > PRESSED_S)

    def _weigh(self, found: dict[str, Found], tell: Tell) -> Found:
        def measure(rig: Rig) -> Found:
            return {"values": [vars(value) for value in weighing.weigh(rig, self.dialect.nominal_v, tell)]}

        return self._measure(found, measure)

    def _feel(self, found: dict[str, Found], tell: Tell) -> Found:
        def measure(rig: Rig) -> Found:
            told = touching.feel(rig, tell)
            if self._emulator is not None:
                truth = self._emulator.truth(TRUTH_S)
                told["hole_true_m"] = [truth.hole_x_m, truth.hole_y_m, truth.hole_z_m]
            values = touching.values_of(np.array(told["wrong_m"]), np.array(told["hole_m"]))
            return told | {"values": [vars(value) for value in values]}

        return self._measure(found, measure)

    def _write(self, found: dict[str, Found], tell: Tell) -> Found:
        path, values, told = self.folder / ARM_FILE, values_in(found), found["mounting"]
        changes: dict[str, Any] = {name: told[name] for name in POSTURES} | of_motors(values)
        tables = {"follower": {name: told[name] for name in TOLD}, "board": {"offset_m": of_camera(values)}}
        if self._leader is not None:
            tables[LEADER] = {name: found[LEADER_MOUNTING][name] for name in TOLD}
        if not self.virtual:
            for device in DEVICES:
                tables[device]["port"] = found["ports"][device]
        else:
            changes["wiring"] = str((self.folder / WIRING_FILE).resolve())
            changes |= {} if self.wiring_seed is None else {"wiring_seed": self.wiring_seed}
        try:
            write_arm_file(path, text_of(self.options.robot, changes, tables, values))
        except ValueError as error:
            raise SetupError(str(error)) from error
        return {"config": str(path)}

    # What was found

    def figures(self, found: dict[str, Found]) -> dict[str, Any]:
        """For `--json`. parameters: of the values that are believed. within: whether each holds the truth, if anybody knows that.
        refused: what is not believed, or was not found out. touches: steps in which a servo was at its limit for too long.
        """
        values = {value.name: value for value in values_in(found)}
        believed = {name: value for name, value in values.items() if not value.refused}
        truth = {} if self._hidden is None or not values else truth_of(self._hidden, self._wired, found)
        within = (
            all(value.low <= truth[name] <= value.high for name, value in believed.items()) if self.virtual else None
        )
        return {
            "config": found.get("file", {}).get("config"),
            "parameters": {
                name: {"value": value.value, "interval": [value.low, value.high], "true": truth.get(name)}
                for name, value in believed.items()
            },
            "within": within,
            "refused": [name for name in self._looked_for if name not in believed],
            "reasons": {name: value.refused for name, value in values.items() if value.refused},
            "touches": self.touches + sum(each.get("touches", 0) for each in found.values()) if self.virtual else None,
            "chain": found.get("chain"),
            "robot_min": round(sum(each.get("robot_s", 0.0) for each in found.values()) / 60.0, 2),
        }

    @property
    def _looked_for(self) -> tuple[str, ...]:
        return NAMES if self._leader is None else (*NAMES, *OF_LEADER)

    def lines(self, found: dict[str, Found]) -> list[tuple[str, str]]:
        """Name and what was found, for a person."""
        ports = [(name, str(port)) for name, port in found.get("ports", {}).items()]
        return ports + [(value.name, value.refused or value.text) for value in values_in(found)]

    def next_command(self, found: dict[str, Found]) -> str:
        """What to do after the last step."""
        return f"robot practice --task peg_insert --robot {found['file']['config']}"


def values_in(found: dict[str, Found]) -> list[Value]:
    """Of all steps."""
    return [
        Value(**each)
        for step in ("mounting", LEADER_MOUNTING, "weight", "board")
        for each in found.get(step, {}).get("values", ())
    ]
