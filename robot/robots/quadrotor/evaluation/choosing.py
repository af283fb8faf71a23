"""Which policy an owner of a quadrotor should take: one for any, one that is told its numbers, or its own after half a minute's flight.

Nobody's drone is what its file says. So hidden drones are drawn around the file, as practice draws them, and each is flown by three:
`any`, which knows nothing; `told`, which is told what the file says; `mine`, trained from `any` in the simulator that was fitted to
half a minute of its flight. All in the simulator, by the same starts and forces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from policies.policy_file import EVERY_KIND, PolicyFile, load_policy, save_policy
from policies.recurrent_actor import RecurrentLayers, without_inputs
from robot.evaluation.judge import Scores, Verdict
from robot.robots.quadrotor.evaluation.fleet_flights import fly_named
from robot.robots.quadrotor.evaluation.judgement import Figures
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from robot.robots.quadrotor.evaluation.scores import percent
from robot.robots.quadrotor.practising.fit import Fitted, fit
from robot.robots.quadrotor.practising.hidden import hidden_quadrotor
from robot.robots.quadrotor.practising.improving import as_flown
from robot.robots.quadrotor.practising.simulated_flight import FLIGHT_S, fly_and_log
from robot.robots.quadrotor.practising.specialising import specialise
from robot.runtime.run_folder import new_run_folder
from robot.tasks import hover
from sim.input_files import shown, wrong
from sim.quadrotor.model import QuadrotorParameters, load_parameters
from sim.quadrotor.told import N_TOLD, told

TOLD = Path(__file__).parents[4] / "policies" / "shipped" / "told_quadrotor.npz"
HIDDEN, FLIGHTS = 5, 250  # drones around the file; flights of each
WORTH_M = 0.002  # what a policy that asks for more has to be better by: metres of error, of which a lost flight is one
AS_FILED = "as its file says"
ADVICE = {
    "any": "take the one that flies any quadrotor: robot run --policy any --robot FILE",
    "told": "take the one that is told the file's numbers: robot run {told} --robot FILE",
    "mine": f"let it practise: after {FLIGHT_S:.0f} s of flight its own policy is the best",
}


@dataclass(frozen=True)
class Compared:
    """One drone: figures of those that flew it; what half a minute of flight found it to be (None: nothing, so `mine` is `any`)."""

    figures: dict[str, Figures]
    fitted: Fitted | None


def choose(
    path: Path, quadrotor: str, seed: int, flights: int, progress: Callable[[float], None], root: Path = Path("runs")
) -> Verdict:
    """Compare the three. If it is the one to take, the one that was told is left in a run's folder.

    path: the policy for any quadrotor. Raises ValueError for another one, or an unknown quadrotor.
    """
    flies_any, knows = policy_for_any(path), load_policy(TOLD, "hover", kinds=EVERY_KIND)
    believed, flights = load_parameters(quadrotor), flights or FLIGHTS
    numbers = told(believed.packed()[None])[0]
    assert isinstance(knows.layers, RecurrentLayers)
    was_told = without_inputs(knows.weights, knows.layers, hover.OBSERVATION_SIZE, numbers)
    drones = {AS_FILED: believed} | {f"hidden {k}": hidden_quadrotor(seed + k, believed) for k in range(1, HIDDEN + 1)}
    compared = {}
    for k, (name, drone) in enumerate(drones.items()):
        compared[name] = compare(flies_any, was_told, believed, drone, seed + k, flights)
        progress((k + 1) / len(drones))
    merits = {who: merit([of.figures[who] for name, of in compared.items() if name != AS_FILED]) for who in ADVICE}
    best = recommended(merits)
    folder = ""
    if best == "told":
        folder = str(new_run_folder(root, "hover", "told"))
        rate_hz, trained = knows.metadata["rate_hz"], knows.metadata["trained"] | {"told": False}
        save_policy(Path(folder) / "policy.npz", *was_told, "hover", rate_hz, trained=trained)
    rows = [(name, tuple(in_words(of.figures[who]) for who in ADVICE)) for name, of in compared.items()]
    table = Scores(f"{flights} flights of each drone: within 1 m, %, and error of those, cm", tuple(ADVICE), rows)
    figures: dict[str, Any] = {
        "task": "hover", "quadrotor": quadrotor, "recommended": best, "run": folder, "metres_lost_or_off": merits,
        "drones": {name: of.figures for name, of in compared.items()},
        "found": {name: None if of.fitted is None else of.fitted.belief() for name, of in compared.items()},
    }  # fmt: skip
    return Verdict(figures, [table], True, [ADVICE[best].format(told=folder)])


def policy_for_any(path: Path) -> PolicyFile:
    """A policy with memory that is told nothing. Raises ValueError for another."""
    policy = load_policy(path, "hover", kinds=EVERY_KIND)
    if not isinstance(policy.layers, RecurrentLayers) or policy.layers.inputs >= hover.OBSERVATION_SIZE + N_TOLD:
        raise wrong(
            path,
            "layers",
            shown(policy.layers),
            "with --choose: those of a policy that flies any quadrotor, and is told nothing",
        )
    return policy


def compare(
    flies_any: PolicyFile, was_told: tuple[np.ndarray, RecurrentLayers], believed: QuadrotorParameters,
    drone: QuadrotorParameters, seed: int, flights: int,
) -> Compared:  # fmt: skip
    """One drone, which its file believes to be another, flown by all three."""
    assert isinstance(flies_any.layers, RecurrentLayers)
    first = Recurrent(flies_any.weights, flies_any.layers)
    fitted = fit([fly_and_log(first, drone, seed)], believed)
    own = flies_any.weights if fitted is None else specialise(
        flies_any.weights, flies_any.layers, hover, as_flown(fitted.quadrotor), seed)  # fmt: skip
    pilots = {"any": first, "told": Recurrent(*was_told), "mine": Recurrent(own, flies_any.layers)}
    return Compared({who: fly_named(pilot, drone, seed, flights).figures() for who, pilot in pilots.items()}, fitted)


def merit(figures: list[Figures]) -> float:
    """Metres, less is better: mean over drones of the median error, of which each lost flight is a whole metre."""
    lost = [1.0 - (of["survival"] or 0.0) for of in figures]
    errors_m = [of["error_median_m"] or 0.0 for of in figures]
    return float(np.mean([share + (1.0 - share) * error for share, error in zip(lost, errors_m, strict=True)]))


def recommended(merits: dict[str, float]) -> str:
    """The first of those that are as good as the best: they are in the order of what they ask of an owner."""
    best = min(merits.values())
    return next(who for who, metres in merits.items() if metres <= best + WORTH_M)


def in_words(figures: Figures) -> str:
    """A cell."""
    error_m = figures["error_median_m"]
    return percent(figures["survival"] or 0.0) + ("" if error_m is None else f"  {100.0 * error_m:.2f}")
