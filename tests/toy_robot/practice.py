"""What the toy brings to practice."""

from dataclasses import dataclass
from typing import Any, Literal

from robot.practice.body import Body
from robot.practice.practice import Practice, Start
from robot.practice.settings import SCRATCH, From, PracticeConfig
from robot.views.panels import Gauge
from tests.toy_robot.cart import start_cart
from tests.toy_robot.robot import Phase, setup_of
from tests.toy_robot.task import SLOW_M_S


@dataclass(frozen=True)
class ToyOptions(PracticeConfig):
    """A cart learns to come to rest in the middle of its rail."""

    task: Literal["toy"] = "toy"
    robot: Literal["toy"] = "toy"
    start_from: From = SCRATCH
    start_m: float = 0.0
    """Where the cart is put on its rail."""


class PractisingCart:
    title, compiled = "a cart on a rail", True

    def __init__(self, options: ToyOptions) -> None:
        self.options = options
        self.body = Body({}, lambda: None, lambda: start_cart(options.clock, options.start_m))

    def setup(self, start: Start) -> bytes:
        p, weights = start.progress, start.policy.weights if start.newest is None else start.newest
        plain = {"seed": [self.options.seed, start.life], "explore": start.learning, "practice_s": start.practice_s,
                 "arrivals": start.episodes, "practice_done_s": p.practice_s, "step": p.step, "episode": p.episode}  # fmt: skip
        return setup_of(plain, weights, start.policy.layers)

    def in_words(self, failure: dict[str, Any]) -> str:
        return str(failure["reason"])

    def best_possible(self) -> None: ...

    hand = scene = best_possible


PRACTICE = Practice(
    options=ToyOptions,
    begin=PractisingCart,
    phases={Phase.PRACTISE: "practising", Phase.FINISH: "stopping", Phase.DONE: "done"},
    finishing=Phase.FINISH,
    stands=lambda seen: bool(abs(seen["observation"][1]) < SLOW_M_S),
    place=(Gauge("place", lambda seen, progress: seen["figures"]["place_m"], "m", 2),),
)
