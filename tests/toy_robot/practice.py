"""What the toy brings to practice."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from drivers.emulators.packet_host import start_host
from robot.practice.body import Body
from robot.practice.episodic_mind import PHASES, EpisodicSetup, Phase
from robot.practice.practice import Adaptation, Adapted, Practice, PractisingRobot, Start
from robot.practice.settings import SCRATCH, From, PracticeConfig
from robot.views.panels import Gauge
from tests.toy_robot.emulator import DRAG_KG_S
from tests.toy_robot.robot import MASS_KG
from tests.toy_robot.task import SLOW_M_S


@dataclass(frozen=True)
class ToyOptions(PracticeConfig):
    """A cart learns to come to rest where it is to be."""

    task: Literal["toy"] = "toy"
    robot: Literal["toy"] = "toy"
    start_from: From = SCRATCH
    start_m: float = 0.0
    """Where the cart is put on its rail."""
    mass_kg: float = 1.0
    """Its mass, which it is not told."""


class PractisingCart(PractisingRobot):
    title = "a cart on a rail"

    def __init__(self, options: ToyOptions) -> None:
        self.seed = options.seed
        emulate = partial(start_host, "tests.toy_robot.emulator", "cart", options.clock, place_m=options.start_m,
                          mass_kg=options.mass_kg)  # fmt: skip
        self.body = Body(emulate=emulate)

    def setup(self, start: Start) -> bytes:
        return EpisodicSetup.of(start, "toy", self.seed)


def adapt(options: ToyOptions, folder: Path, lived: np.ndarray, weights: np.ndarray, *_: Any) -> Adapted | None:
    """The mass by which most of the pushes explain what they did to the speed; not the few that ended at the rail's end."""
    speed_m_s = lived["observation"][:, 1]
    gained_m_s = lived["next_observation"][:, 1] - speed_m_s
    impulse_n_s = lived["duration_s"] * (lived["action"][:, 0] - DRAG_KG_S * speed_m_s)
    mass_kg = float(np.median(impulse_n_s / np.where(gained_m_s == 0.0, np.inf, gained_m_s)))
    return Adapted(weights, {MASS_KG: mass_kg}, f"a mass of {mass_kg:.2f} kg") if mass_kg > 0.0 else None


PRACTICE = Practice(
    options=ToyOptions,
    begin=PractisingCart,
    phases=PHASES,
    finishing=Phase.FINISH,
    stands=lambda seen: bool(abs(seen["observation"][1]) < SLOW_M_S),
    adaptation=Adaptation(after=(60,), again=50, adapt=adapt),
    place=(Gauge("to go", lambda seen, progress: -seen["observation"][0], "m", 2),),
)
