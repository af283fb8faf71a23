"""The robot around the cart: its mind, and all that runtime and guardians have to be told of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from drivers.reading_record import Field, reading_fields, reading_of
from robot.practice.episodic_mind import EpisodicMind, EpisodicSetup
from robot.runtime.clock import Clock, RealClock
from robot.runtime.driver_device import DriverDevice
from robot.runtime.episodes import Outcome
from robot.runtime.records import compose
from robot.runtime.rest import DriverRest
from robot.runtime.robot import Device, Robot
from robot.runtime.session_file import SessionFile
from tests.toy_robot.cart import Cart, CartReading
from tests.toy_robot.task import DECISION_S, LONGEST_S, SLOW_M_S, arrived, reward

TICK_S, BLIND_S, START_M = 0.05, 0.12, 0.8
DEVICES: dict[str, list[Field]] = {"cart": [*reading_fields(CartReading), ("up", "u4")]}
RECORDS = compose(2, 1, DEVICES, {"command": [("push_n", "f8")]})


class ToyMind(EpisodicMind):
    """Goes to one end of the rail, to the other the next time, and lets the policy bring it home from there."""

    goal_m = START_M

    def see(self, readings: np.ndarray) -> np.ndarray | None:
        seen = reading_of(readings["cart"], CartReading)
        return np.array((seen.place_m, seen.speed_m_s), np.float32) if seen.age_s < BLIND_S else None

    def reset(self, seen: np.ndarray) -> np.ndarray | None:
        place_m, speed_m_s = seen
        if abs(place_m - self.goal_m) < 0.1 and abs(speed_m_s) < SLOW_M_S:
            self.goal_m = -self.goal_m
            return None
        return np.array([2.0 * (self.goal_m - place_m) - 2.0 * speed_m_s])

    def judge(self, seen: np.ndarray) -> tuple[float, Outcome]:
        return reward(*seen.tolist()), Outcome.SUCCESS if arrived(*seen) else Outcome.RUNNING

    def rest(self, seen: np.ndarray) -> np.ndarray:
        return -2.0 * seen[1:]

    def at_rest(self, seen: np.ndarray) -> bool:
        return bool(abs(seen[1]) < SLOW_M_S)

    def command(self, action: np.ndarray, out: np.ndarray) -> None:
        out["command"]["push_n"] = action[0]


def mind(setup: bytes, path: Path) -> ToyMind:
    return ToyMind(EpisodicSetup.from_bytes(setup, path), RECORDS, TICK_S, DECISION_S, LONGEST_S)


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    cart = Cart(session.ports["cart"], clock)
    return {"cart": DriverDevice(cart, lambda outputs: cart.push(float(outputs["command"]["push_n"])))}


def prepare(session: SessionFile) -> Callable[[], DriverRest]:
    return lambda: DriverRest(Cart(session.ports["cart"], RealClock()), lambda seen: abs(seen.speed_m_s) < SLOW_M_S)


ROBOT = Robot("toy", TICK_S, lambda task: RECORDS, devices, mind)
