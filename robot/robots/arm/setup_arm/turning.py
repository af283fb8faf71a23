"""An arm's joints turned by hand, one after the other, and what that tells: steps of a set-up, of the arm itself and of its leader."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial

from drivers.servo_dialect import Dialect
from drivers.servo_registers import ServoRegisters
from robot.commissioning.steps import Found, SetupError, Step
from robot.robots.arm.setup_arm import by_hand
from robot.robots.arm.setup_arm.chain import POWER, each_once
from robot.robots.arm.setup_arm.joints import LEADER, LEADER_MOUNTING, Joint
from robot.robots.arm.setup_arm.rig import Tell

ENDS = ("low", "high")
LET_GO = "Now the leader: plug its adapter into this computer, at the port that the robot's file names, and power its servos. It never moves by itself."
TOLD = ("ids", "home_steps", "reversed", "low_rad", "high_rad")  # of a file's table


@dataclass(frozen=True)
class Turning:
    """One arm's. joints: from the base on; ids: of its servos; registers(found so far): its bus, for questions.

    turn(joint, end): what a virtual person's hands do; they bring a joint back with the end "back".
    """

    joints: Sequence[Joint]
    ids: Sequence[int]
    dialect: Dialect
    registers: Callable[[dict[str, Found]], AbstractContextManager[ServoRegisters]]
    turn: Callable[[int, str], None]

    @property
    def steps(self) -> list[Step]:
        """An end of a joint each."""
        return [
            Step(f"{joint.name}_{end}", f"the {end} end of {joint.name}", hands_on(joint, end), partial(self._turned, k, end))
            for k, joint in enumerate(self.joints)
            for end in ENDS
        ]  # fmt: skip

    def _turned(self, number: int, end: str, found: dict[str, Found], tell: Tell) -> Found:
        """Where all servos are with a joint at an end; at its high one, whose it is."""
        joint = self.joints[number]
        with self.registers(found) as registers:
            self.turn(number, end)
            steps = {servo: registers.steps(servo) for servo in self.ids}
            shift = {servo: registers.shift(servo) for servo in self.ids} if end == "high" else steps
            if end == "high":
                self.turn(number, "back")
        silent = [servo for servo in self.ids if steps[servo] is None or shift[servo] is None]
        if silent:
            raise SetupError(f"no answer of servo {', '.join(map(str, silent))}: {POWER}")
        if end == "low":
            return {"steps": {str(servo): at for servo, at in steps.items()}}
        before = {int(servo): at for servo, at in found[f"{joint.name}_low"]["steps"].items()}
        taken = [found[f"{each.name}_high"]["servo"] for each in self.joints[:number]]
        servo = by_hand.servo_of(joint, before, {each: at for each, at in steps.items() if at is not None}, taken)
        ends = {"servo": servo, "low": before[servo], "high": steps[servo], "shift": shift[servo]}
        for value in by_hand.values_of(joint, servo, ends["low"], ends["high"]):  # type: ignore[arg-type]
            if value.refused:
                raise SetupError(f"{value.name}: {value.refused}. Turn it from end to end; set it up anew", anew=True)
        return ends

    def mounting(self, found: dict[str, Found]) -> Found:
        """TOLD, and the values that these are. Ranges are brought into one turn of their servos."""
        told: Found = {name: [] for name in (*TOLD, "values")}
        with self.registers(found) as registers:
            for joint in self.joints:
                ends = found[f"{joint.name}_high"]
                servo, low = ends["servo"], ends["low"]
                way = by_hand.moved_steps(low, ends["high"], joint)
                moved = self._brought_into_a_turn(registers, joint.name, ends, way)
                values = by_hand.values_of(joint, servo, low + moved, ends["high"] + moved)
                low_rad, high_rad = by_hand.range_rad(joint, low, ends["high"])
                for name, value in zip(
                    TOLD,
                    (servo, int(values[-1].value), bool(values[1].value), round(low_rad, 4), round(high_rad, 4)),
                    strict=True,
                ):
                    told[name].append(value)
                told["values"] += [vars(value) for value in values]
        return told

    def _brought_into_a_turn(self, registers: ServoRegisters, name: str, ends: Found, way: int) -> int:
        """By how much what a servo tells has changed since it was at its ends. It keeps its new shift without power.

        It may have been shifted already, by a set-up that was left then.
        """
        servo = ends["servo"]
        shift = registers.shift(servo)
        if shift is None:
            raise SetupError(f"{name}: no answer of servo {servo}: {POWER}")
        since = shift - ends["shift"]
        low = ends["low"] + since
        try:
            wanted, moved = by_hand.shift_for(low, low + way, shift, self.dialect.shift_max, self.dialect.wraps)
        except SetupError as error:
            raise SetupError(f"{name}: {error}") from error
        if wanted != shift:
            registers.set_shift(servo, wanted)
        return since + moved


def steps_of_leader(turning: Turning) -> list[Step]:
    """Of an arm that is read alone: both ends of its joints are all that is needed of it."""

    def servos(found: dict[str, Found], tell: Tell) -> Found:
        with turning.registers(found) as registers:
            try:
                each_once(registers, turning.ids)
            except SetupError as error:
                raise SetupError(f"{LEADER}: {error}") from error
            registers.let_go(turning.ids)
        return {}

    return [
        Step(f"{LEADER}_servos", "the leader's servos", LET_GO, servos),
        *turning.steps,
        Step(
            LEADER_MOUNTING,
            "the leader's directions, zeros and ranges",
            "",
            lambda found, tell: turning.mounting(found),
        ),
    ]


def hands_on(joint: Joint, end: str) -> str:
    """What a person is asked for at an end of a joint."""
    words = joint.low if end == "low" else joint.high
    also = " Then bring it back to where it was." if end == "high" else " Hold all other joints still, from now on."
    return f"Hold the {joint.arm}: its servos are let go. {words}, as far as it goes, and hold it there while you press Enter.{also}"
