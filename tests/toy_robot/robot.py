"""The robot around the cart: it comes to rest in the middle of the rail. All that the runtime has to be told of it."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from drivers.reading_record import Field, fill, forget, reading_fields, reading_of
from policies.array_file import arrays_in
from robot.runtime.clock import Clock
from robot.runtime.records import compose
from robot.runtime.robot import Device, Robot
from robot.runtime.session_file import SessionFile
from robot.safety.supervisor import Mode
from tests.toy_robot.cart import Cart, CartReading, Rail

TICK_S = 0.05
DEVICES: dict[str, list[Field]] = {"cart": [*reading_fields(CartReading), ("up", "u4")]}
RECORDS = compose(2, 1, DEVICES, {"command": [("force_n", "f8")], "figures": [("way_m", "f8")]})


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
        self.cart.push(float(outputs["command"]["force_n"]))


class ToyMind:
    """Pushes towards the middle, as hard as its two weights say."""

    tick_s, records = TICK_S, RECORDS

    def __init__(self, weights: np.ndarray) -> None:
        self.weights = weights
        self.outputs = np.zeros((), RECORDS.outputs)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.transition: np.ndarray | None = None
        self.episode: dict[str, Any] | None = None
        self.files: dict[str, bytes] = {}
        self.stop_plan = np.zeros(1)
        self.way_m = 0.0

    @property
    def takes_weights(self) -> bool:
        return True

    def set_weights(self, weights: np.ndarray) -> None:
        self.weights = weights

    def tick(self, readings: np.ndarray) -> None:
        seen = reading_of(readings["cart"], CartReading)
        blind = seen.age_s > 2 * TICK_S
        out = self.outputs
        out["life"], out["tick"], out["time_s"] = readings["life"], readings["tick"], readings["time_s"]
        out["mode"] = Mode.STOP if blind else Mode.RUN
        self.way_m += 0.0 if blind else TICK_S * abs(seen.speed_m_s)
        out["observation"] = (seen.place_m, seen.speed_m_s)
        out["proposed"] = out["executed"] = np.float32(-(self.weights * out["observation"]).sum())
        out["command"]["force_n"] = 0.0 if blind else out["executed"][0]
        out["figures"]["way_m"] = self.way_m


def setup_of(weights: np.ndarray) -> bytes:
    """A setup, as the log carries it."""
    file = io.BytesIO()
    np.savez(file, plain=np.array(json.dumps({"robot": "toy"})), weights=weights)
    return file.getvalue()


def mind(setup: bytes, path: Path) -> ToyMind:
    return ToyMind(arrays_in(path, setup)["weights"].copy())


def devices(session: SessionFile, clock: Clock) -> dict[str, Device]:
    assert isinstance(clock, Rail)
    return {"cart": CartDevice(Cart(clock))}


class NoPlan:
    """A cart that nobody pushes comes to rest by itself."""

    def create(self, name: str) -> "NoPlan":
        return self

    attach = create

    def write(self, plan: np.ndarray, now_ns: int) -> None: ...

    def close(self) -> None: ...


ROBOT = Robot("toy", TICK_S, lambda task: RECORDS, devices, mind, lambda setup: None, NoPlan())
