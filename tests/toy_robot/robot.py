"""The robot around the cart: its mind, and all that runtime, guardian and practice have to be told of it."""

import io
import json
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np

from drivers.reading_record import Field, fill, forget, reading_fields, reading_of
from policies.actor import Actor
from policies.array_file import arrays_in
from robot.runtime.clock import Clock, RealClock
from robot.runtime.decisions import Decisions
from robot.runtime.episodes import Outcome
from robot.runtime.records import STAND, compose
from robot.runtime.rest import DriverRest
from robot.runtime.robot import Device, Robot
from robot.runtime.session_file import SessionFile
from robot.safety.supervisor import Mode
from tests.toy_robot.cart import Cart, CartReading
from tests.toy_robot.task import DECISION_S, LONGEST_S, SLOW_M_S, arrived, reward

TICK_S, BLIND_S, START_M, RESET_S = 0.05, 0.12, 0.8, 8.0
DEVICES: dict[str, list[Field]] = {"cart": [*reading_fields(CartReading), ("up", "u4")]}
RECORDS = compose(2, 1, DEVICES, {"command": [("push_n", "f8")], "figures": [("place_m", "f8")]})


class CartDevice:
    """The cart, as the control loop sees it."""

    def __init__(self, cart: Cart) -> None:
        self.cart = cart
        self.open, self.close, self.stop, self.reconnect = cart.open, cart.close, cart.stop, cart.reconnect

    def check(self) -> None:
        """It has no version."""

    def read(self, record: np.ndarray) -> None:
        fill(record, self.cart.read())

    def absent(self, record: np.ndarray) -> None:
        forget(record)

    def write(self, outputs: np.ndarray) -> None:
        self.cart.push(float(outputs["command"]["push_n"]))


class Phase(IntEnum):
    PRACTISE, FINISH, DONE = range(3)


class ToyMind:
    """Goes to one end of the rail, to the other the next time, and lets the policy bring it home from there."""

    tick_s, records, takes_weights = TICK_S, RECORDS, True

    def __init__(self, plain: dict[str, Any], weights: np.ndarray, layers: tuple[int, ...]) -> None:
        self.plain, self.actor, self.noise = plain, Actor(layers, weights), np.random.default_rng(plain["seed"])
        self.set_weights, self.phase = self.actor.set_weights, Phase.PRACTISE
        self.decisions = Decisions(RECORDS.transition, plain["step"], plain["episode"])
        self.outputs, self.stop_plan = np.zeros((), RECORDS.outputs), np.zeros(0)
        self.practice_s, self.last_s, self.arrivals, self.goal_m = plain["practice_done_s"], 0.0, 0, START_M
        self.resetting, self.began_s = True, 0.0  # reset or run, and since when

    @property
    def weights(self) -> np.ndarray:
        return self.actor.weights

    def tick(self, readings: np.ndarray) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.files: dict[str, bytes] = {}
        self.transition = self.episode = None
        now, stop, seen = (
            readings["time_s"].item(),
            int(readings["stop_requested"]),
            reading_of(readings["cart"], CartReading),
        )
        place_m, speed_m_s, blind = seen.place_m, seen.speed_m_s, not seen.age_s < BLIND_S
        if self.phase is Phase.PRACTISE and (stop not in (0, STAND) or self.practice_s >= self.plain["practice_s"] or
                                             0 < self.plain["arrivals"] <= self.arrivals):  # fmt: skip
            self.phase = Phase.FINISH
        elif self.phase is Phase.FINISH and abs(speed_m_s) < SLOW_M_S and not blind:
            self.phase = Phase.DONE
        drives, out = self.phase is Phase.PRACTISE and not blind and stop == 0, self.outputs
        out["is_decision"], push_n = 0, 0.0 if blind else -2.0 * speed_m_s
        if drives:
            self.practice_s += now - (self.last_s or now)
            push_n = self.set_out(now, place_m, speed_m_s) if self.resetting else self.arrive(now, place_m, speed_m_s)
        elif not self.resetting:
            self.end(now, place_m, speed_m_s, home=False)
        self.last_s, d = now, self.decisions
        out["life"], out["tick"], out["time_s"] = readings["life"], readings["tick"], now
        out["mode"], out["phase"], out["finished"] = (
            (Mode.STOP if blind or stop else Mode.RUN),
            self.phase,
            self.phase is Phase.DONE,
        )
        out["reason"] = int(blind)
        out["practice_s"], out["decision"], out["step"], out["episode"] = self.practice_s, d.count, d.step, d.episode
        out["observation"], out["proposed"], out["executed"] = (place_m, speed_m_s), d.proposed, d.executed
        out["command"]["push_n"], out["figures"]["place_m"] = push_n, place_m

    def set_out(self, now: float, place_m: float, speed_m_s: float) -> float:
        """The reset: to where a run begins."""
        self.began_s = self.began_s or now
        there = abs(place_m - self.goal_m) < 0.1 and abs(speed_m_s) < SLOW_M_S
        if there or now - self.began_s > RESET_S:
            self.events.append(("reset", {"duration_s": now - self.began_s, "succeeded": there}))
            self.goal_m, self.resetting, self.began_s = -self.goal_m, False, now
        return 2.0 * (self.goal_m - place_m) - 2.0 * speed_m_s

    def arrive(self, now: float, place_m: float, speed_m_s: float) -> float:
        """A tick of the policy's."""
        home = arrived(place_m, speed_m_s)
        if home or now - self.began_s > LONGEST_S:
            self.end(now, place_m, speed_m_s, home)
            return 0.0
        d, observation = self.decisions, np.array((place_m, speed_m_s), np.float32)
        if not d.pending or now - d.started_s > DECISION_S - 0.5 * TICK_S:
            self.complete(now, place_m, speed_m_s, False, False)
            noise = self.noise.standard_normal(1, np.float32) * self.plain["explore"]
            action = self.actor.sample(observation, noise) if self.plain["explore"] else self.actor.mean(observation)
            d.decide(now, observation, action, action)
            self.outputs["is_decision"] = 1
        return float(d.executed[0])

    def complete(self, now: float, place_m: float, speed_m_s: float, home: bool, taken_over: bool) -> None:
        if self.decisions.pending:
            paid = reward(place_m, speed_m_s)
            self.transition = self.decisions.completed(now, np.float32((place_m, speed_m_s)), paid, home, taken_over)

    def end(self, now: float, place_m: float, speed_m_s: float, home: bool) -> None:
        """A run is over."""
        self.complete(now, place_m, speed_m_s, home, taken_over=True)
        outcome = Outcome.SUCCESS if home else Outcome.TIME_OUT
        self.episode = {
            "practice_s": self.practice_s,
            "merit": now - self.began_s,
            "outcome": outcome,
            "baseline": False,
        }
        self.events.append(("episode", self.episode | {"outcome": outcome.word}))
        self.arrivals, self.resetting, self.began_s = self.arrivals + 1, True, 0.0


def setup_of(plain: dict[str, Any], weights: np.ndarray, layers: tuple[int, ...]) -> bytes:
    """A setup, as the log carries it."""
    file = io.BytesIO()
    np.savez(file, plain=np.array(json.dumps({"robot": "toy"} | plain)), weights=weights, layers=np.array(layers))
    return file.getvalue()


def mind(setup: bytes, path: Path) -> ToyMind:
    arrays = arrays_in(path, setup)
    return ToyMind(json.loads(str(arrays["plain"])), arrays["weights"].copy(), tuple(map(int, arrays["layers"])))


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    return {"cart": CartDevice(Cart(session.ports["cart"], clock))}


def prepare(session: SessionFile) -> Callable[[], DriverRest]:
    """What a guardian asks for."""
    return lambda: DriverRest(Cart(session.ports["cart"], RealClock()), lambda seen: abs(seen.speed_m_s) < SLOW_M_S)


ROBOT = Robot("toy", TICK_S, lambda task: RECORDS, devices, mind)
