"""What a flying policy is worth: flights under conditions that it did not choose, beside those of classical controllers.

The classical controllers are made for the quadrotor that the policy was trained for, and like it they are not told when
they fly another.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from policies.backup.cascaded_pid import CascadedPid
from policies.backup.lqr import Lqr
from robot.robots.quadrotor.evaluation.evaluation import Conditions, Feedback, Pilot, evaluate
from sim.quadrotor.model import QuadrotorParameters, load_parameters

MORE_DELAY_S = 0.02
LOW_BATTERY = 7.0 / 7.4  # two cells at 7 V of their nominal 7.4 V
VARIED = ("mass", "thrust", "inertia", "motor_delay")  # where drones are to differ: in training, and here
CHANGES = (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
DELAYS_S = (0.0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06)
NOMINAL = "nominal"

Figures = dict[str, float | None]


@dataclass(frozen=True)
class Judgement:
    """Figures of each pilot under each of the conditions, and its survival where one quantity is another.

    breakdown: by pilot, by quantity ("mass" ... "delay"), one share for each of CHANGES (DELAYS_S for the delay).
    """

    conditions: dict[str, dict[str, Figures]]
    breakdown: dict[str, dict[str, list[float]]]

    def worst(self, pilot: str) -> tuple[str, float]:
        """The single change that a pilot survives least, in words, and its survival."""
        found = []
        for quantity, shares in self.breakdown[pilot].items():
            k = int(np.argmin(shares))
            by = f"+{1000 * DELAYS_S[k]:.0f} ms" if quantity == "delay" else f"{100 * CHANGES[k]:+.0f} %"
            found.append((shares[k], f"{quantity.replace('_', ' ')} {by}"))
        share, change = min(found)
        return change, share


def pilots_for(policy: Pilot, quadrotor: QuadrotorParameters, task: Any) -> dict[str, Pilot]:
    """The policy and the controllers that it is compared with, by name."""
    return {
        "policy": policy,
        "PID": Feedback(lambda n: CascadedPid(quadrotor, n), task),
        "LQR": Feedback(lambda n: Lqr(quadrotor, n), task),
    }


def airframe_name(quadrotor: str) -> str:
    """How tables name another quadrotor: `crazyflie_2_1` as "a crazyflie 2 1"."""
    return f"a {quadrotor.replace('_', ' ')}"


def standard_conditions(nominal: Conditions, others: Sequence[str], expected_latency_s: float) -> dict[str, Conditions]:
    """Conditions by name: VARIED are varied together, each by itself; the delay is MORE_DELAY_S more than expected.

    `others` name the quadrotors of other parameter files.
    """
    quadrotor, spread = nominal.quadrotor, nominal.randomisation
    delay_s = expected_latency_s + MORE_DELAY_S
    varied = ", ".join(VARIED).replace("_", " ")

    def within(share: float) -> Conditions:
        return replace(nominal, randomisation=replace(spread, **dict.fromkeys(VARIED, share)))

    return {
        NOMINAL: nominal,
        f"{varied} ±20 %": within(0.2),
        f"{varied} ±30 %": within(0.3),
        **{airframe_name(other): replace(nominal, quadrotor=load_parameters(other)) for other in others},
        f"delay of {1000 * delay_s:.0f} ms": replace(nominal, quadrotor=delayed(quadrotor, delay_s)),
        "battery 7.0 V of 7.4 V": replace(nominal, quadrotor=quadrotor.scaled(battery=LOW_BATTERY)),
    }


def delayed(quadrotor: QuadrotorParameters, more_s: float) -> QuadrotorParameters:
    """The quadrotor with more latency between sensing and motors."""
    return replace(quadrotor, latency_s=quadrotor.latency_s + more_s)


def judge(pilots: dict[str, Pilot], nominal: Conditions, others: Sequence[str], expected_latency_s: float, seed: int,
          episodes: int, task: Any, progress: Callable[[float], None] = lambda share: None) -> Judgement:  # fmt: skip
    """Fly every pilot under every condition, from the same starts. progress: called with the share done, 0 to 1.

    expected_latency_s: what a drone is expected to have at most. A cell of the breakdown has half as many flights as a condition.
    """
    conditions = standard_conditions(nominal, others, expected_latency_s)
    quadrotor = nominal.quadrotor
    cells = {quantity: [quadrotor.scaled(**{quantity: 1.0 + change}) for change in CHANGES] for quantity in VARIED}
    cells["delay"] = [delayed(quadrotor, delay_s) for delay_s in DELAYS_S]
    fewer = -(-episodes // 2)
    total = len(pilots) * (len(conditions) * episodes + sum(map(len, cells.values())) * fewer)
    done = 0

    def fly(pilot: Pilot, under: Conditions, flights: int) -> Figures:
        nonlocal done
        figures = evaluate(pilot, under, seed, flights, task).figures()
        done += flights
        progress(done / total)
        return figures

    return Judgement(
        {
            name: {who: fly(pilot, under, episodes) for who, pilot in pilots.items()}
            for name, under in conditions.items()
        },
        {
            who: {
                quantity: [fly(pilot, replace(nominal, quadrotor=changed), fewer)["survival"] or 0.0 for changed in row]
                for quantity, row in cells.items()
            }
            for who, pilot in pilots.items()
        },
    )
