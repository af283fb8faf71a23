"""How fast the policy for any quadrotor finds out what it flies, what half a minute of flight adds, and what a change in flight does.

By name: milliseconds until its error (the median of flights from the task's starts, under a constant force of 5 % of the weight) is
within 1.25 times and 1 cm of that of a policy trained for that airframe alone, which takes part in the same flights; the error over
the last 2 s of both, and of `mine`, trained from the one for any in the simulator that was fitted to 30 s of its flight. `specialised` is
trained from the one for any as well, but for the airframe as its file says: seconds of processor time, share within 1 m, median error,
beside the one for any in the same flights.

A change comes after 3 s of hovering: 30 % more mass, and one propeller 20 % weaker. Those that were within 0.2 m before keep flying if they
come no further than 1 m from the goal; they have settled when they stay within 1.25 times and 1 cm of what they hold in the end.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np

from policies.policy_file import EVERY_KIND, load_policy
from policies.recurrent_actor import RecurrentLayers
from robot.robots.quadrotor.evaluation.changes import Change, distances, settled_ms
from robot.robots.quadrotor.evaluation.evaluation import DECISIONS, DISTURBED, TAIL, Network, Pilot
from robot.robots.quadrotor.evaluation.fleet_flights import ROOM_M, fly_named
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from robot.robots.quadrotor.practising.fit import fit
from robot.robots.quadrotor.practising.hidden import hidden_quadrotor
from robot.robots.quadrotor.practising.improving import as_flown
from robot.robots.quadrotor.practising.simulated_flight import fly_and_log
from robot.robots.quadrotor.practising.specialising import specialise
from robot.robots.quadrotor.training.first_order import drawn_quadrotors
from robot.robots.quadrotor.training.recipes import iterations_for, learner_for
from robot.robots.quadrotor.training.settings import FlightTrainConfig
from robot.tasks import hover
from sim.quadrotor.fleets import load_fleet
from sim.quadrotor.model import QUADROTORS, QuadrotorParameters, load_parameters

POLICY = Path(__file__).parents[2] / "policies" / "shipped" / "any_quadrotor.npz"
FLIGHTS, DRAWN, SEED = 256, 512, 0
CHANGE = Change(decision=300, mass=1.3, rotor_thrust=0.8)
AFTER, HELD = 500, 100  # decisions after the change; of them the last, which tell what it holds
HOVERED_M = 0.2  # who was so near hovered before
CHANGES = {
    "mass +30 %": Change(CHANGE.decision, mass=CHANGE.mass),
    "a propeller -20 %": Change(CHANGE.decision, rotor_thrust=CHANGE.rotor_thrust),
    "both": CHANGE,
}


def run() -> dict[str, Any]:
    """The figures: by name, then of drawn quadrotors that change."""
    policy = load_policy(POLICY, kinds=EVERY_KIND)
    assert isinstance(policy.layers, RecurrentLayers)
    flies_any = Recurrent(policy.weights, policy.layers)
    figures: dict[str, Any] = {}
    for name in QUADROTORS:
        found = fit([fly_and_log(flies_any, load_parameters(name), SEED)], believed_of(name))
        own = policy.weights if found is None else specialise(
            policy.weights, policy.layers, hover, as_flown(found.quadrotor), SEED)  # fmt: skip
        figures[name] = by_name(flies_any, Recurrent(own, policy.layers), trained_for(name), name)
        figures[name] |= specialised(policy.weights, policy.layers, load_parameters(name))
    published = load_fleet("published").draw(DRAWN, np.random.default_rng(SEED)).parameters
    return figures | {f"drawn, {what}": changed(flies_any, published, change) for what, change in CHANGES.items()}


def believed_of(name: str) -> QuadrotorParameters:
    """What a fit begins with: a drone unlike the airframe, as an owner's file would have it."""
    return hidden_quadrotor(SEED, load_parameters(name))


def trained_for(name: str) -> Pilot:
    """A policy for that airframe alone, as `robot train --task hover --quadrotor NAME` trains it."""
    config = FlightTrainConfig(task="hover", quadrotor=name)
    learner = learner_for(config)
    for _ in range(iterations_for(config)):
        learner.iterate()
    return Network(learner.weights, tuple(learner.layers), hover)


def by_name(flies_any: Pilot, mine: Pilot, alone: Pilot, name: str) -> dict[str, Any]:
    """Of one airframe."""
    drones = drawn_quadrotors([load_parameters(name)], [DISTURBED], FLIGHTS, np.random.default_rng(SEED))
    ways = {
        who: np.median(distances(pilot, drones, SEED, DECISIONS), axis=1)
        for who, pilot in (("any", flies_any), ("mine", mine), ("alone", alone))
    }
    held_m = {who: float(way[-TAIL:].mean()) for who, way in ways.items()}
    both = changed(flies_any, drones, CHANGE)
    return {
        "adapted_ms": known(settled_ms(ways["any"], ways["alone"])),
        **{f"error_{who}_m": round(error_m, 5) for who, error_m in held_m.items()},
        "mine_over_alone": round(held_m["mine"] / held_m["alone"], 3),
        "keeps_flying_changed": both["keeps_flying"], "settled_changed_ms": both["settled_median_ms"],
    }  # fmt: skip


def specialised(
    weights: np.ndarray, layers: RecurrentLayers, quadrotor: QuadrotorParameters
) -> dict[str, float | None]:
    """What 200 updates from the one for any make of it for one airframe."""
    began_s = time.process_time()
    own = specialise(weights, layers, hover, quadrotor, SEED)
    figures: dict[str, float | None] = {"specialised_s": round(time.process_time() - began_s, 2)}
    for who, found in (("any", weights), ("specialised", own)):
        flights = fly_named(Recurrent(found, layers), quadrotor, SEED, FLIGHTS).figures()
        figures |= {f"{who}_survival": flights["survival"], f"{who}_error_median_m": flights["error_median_m"]}
    return figures


def known(milliseconds: float) -> float | None:
    """None for never."""
    return float(milliseconds) if np.isfinite(milliseconds) else None


def changed(pilot: Pilot, drones: np.ndarray, change: Change) -> dict[str, float | None]:
    """Of drones that change in flight."""
    way = distances(pilot, drones, SEED, change.decision + AFTER, change)
    hovered = way[change.decision - HELD : change.decision].max(axis=0) < HOVERED_M
    after = way[change.decision :, hovered]
    flies = after.max(axis=0) < ROOM_M
    settled = [settled_ms(one, np.full(AFTER, one[-HELD:].mean())) for one in after[:, flies].T]
    return {
        "hovered": round(float(hovered.mean()), 4),
        "keeps_flying": round(float(flies.mean()), 4) if flies.size else None,
        "settled_median_ms": known(np.median(settled)) if settled else None,
        "settled_95_ms": known(np.percentile(settled, 95.0, method="higher")) if settled else None,
        "error_before_m": round(float(np.median(way[change.decision - HELD : change.decision, hovered])), 5),
        "error_after_m": round(float(np.median(after[-HELD:, flies])), 5) if settled else None,
    }
