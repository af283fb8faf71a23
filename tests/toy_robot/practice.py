"""What the toy brings to practice."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from drivers.emulators.packet_host import start_host
from robot.practice.body import Body
from robot.practice.episodic_mind import PHASES, EpisodicSetup, Phase
from robot.practice.practice import Practice, PractisingRobot, Start
from robot.practice.settings import SCRATCH, From, PracticeConfig
from robot.views.panels import Gauge
from tests.toy_robot.task import SLOW_M_S


@dataclass(frozen=True)
class ToyOptions(PracticeConfig):
    """A cart learns to come to rest in the middle of its rail."""

    task: Literal["toy"] = "toy"
    robot: Literal["toy"] = "toy"
    start_from: From = SCRATCH
    start_m: float = 0.0
    """Where the cart is put on its rail."""


class PractisingCart(PractisingRobot):
    title = "a cart on a rail"

    def __init__(self, options: ToyOptions) -> None:
        self.seed = options.seed
        emulate = partial(start_host, "tests.toy_robot.emulator", "cart", options.clock, place_m=options.start_m)
        self.body = Body({}, lambda: None, emulate)

    def setup(self, start: Start) -> bytes:
        weights = start.policy.weights if start.newest is None else start.newest
        return EpisodicSetup.of(start, self.seed).to_bytes("toy", weights, start.policy.layers)


PRACTICE = Practice(
    options=ToyOptions,
    begin=PractisingCart,
    phases=PHASES,
    finishing=Phase.FINISH,
    stands=lambda seen: bool(abs(seen["observation"][1]) < SLOW_M_S),
    place=(Gauge("place", lambda seen, progress: seen["observation"][0], "m", 2),),
)
