"""The robot around the cart: its mind, and all that runtime and guardians have to be told of it."""

from collections.abc import Callable

import numpy as np

from drivers.reading_record import Field, reading_fields, reading_of
from robot.practice.episodic_mind import EpisodicMind
from robot.runtime.clock import Clock, RealClock
from robot.runtime.driver_device import DriverDevice
from robot.runtime.episodes import Outcome
from robot.runtime.records import compose
from robot.runtime.rest import DriverRest
from robot.runtime.robot import Device, Robot
from robot.runtime.session_file import SessionFile
from robot.runtime.skills import Learned, Scripted
from tests.toy_robot.cart import Cart, CartReading
from tests.toy_robot.task import LONGEST_S, SLOW_M_S, SPEC, arrived, reward

TICK_S, BLIND_S, END_M, MASS_KG = 0.05, 0.12, 0.8, "mass_kg"
DEVICES: dict[str, list[Field]] = {"cart": [*reading_fields(CartReading), ("up", "u4")]}
RECORDS = compose(SPEC.observation_size, SPEC.action_size, DEVICES, {"command": [("push_n", "f8")]}, (MASS_KG,))


class ToyMind(EpisodicMind):
    """Lets the policy go to one end of the rail, to the other the next time, and home from there; a script where it fails."""

    task, records, tick_s = SPEC, RECORDS, TICK_S

    def skills(self) -> tuple[Scripted | Learned, ...]:
        script = Scripted("script", lambda seen: None if arrived(*seen) else self.pull(seen[:1] + seen[1:]))
        out = Learned("out", self.judge, LONGEST_S, way_back=True, otherwise=script)
        return out, Learned("home", self.judge, LONGEST_S)

    def see(self, readings: np.ndarray) -> np.ndarray | None:
        goal_m = 0.0 if self.order.skill.name == "home" else END_M if self.ended % 2 else -END_M
        seen = reading_of(readings["cart"], CartReading)
        return np.array((seen.place_m - goal_m, seen.speed_m_s), np.float32) if seen.age_s < BLIND_S else None

    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        return reward(*seen.tolist()), Outcome.SUCCESS if arrived(*seen) else Outcome.RUNNING

    def pull(self, towards: np.ndarray) -> np.ndarray:
        return -2.0 * self.belief.get(MASS_KG, 1.0) * towards

    def rest(self, seen: np.ndarray) -> np.ndarray:
        return self.pull(seen[1:])

    def at_rest(self, seen: np.ndarray) -> bool:
        return bool(abs(seen[1]) < SLOW_M_S)

    def command(self, action: np.ndarray, out: np.ndarray) -> None:
        out["command"]["push_n"] = action[0]


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    cart = Cart(session.ports["cart"], clock)
    return {"cart": DriverDevice(cart, lambda outputs: cart.push(float(outputs["command"]["push_n"])))}


def prepare(session: SessionFile) -> Callable[[], DriverRest]:
    return lambda: DriverRest(Cart(session.ports["cart"], RealClock()), lambda seen: abs(seen.speed_m_s) < SLOW_M_S)


ROBOT = Robot("toy", TICK_S, lambda task: RECORDS, devices, ToyMind.from_setup)
