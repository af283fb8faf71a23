"""Our policy for any quadrotor beside RAPTOR (Eschmann, Albani, Loianno, 2025, arXiv 2509.11481), in RAPTOR's own simulator.

Both fly the same quadrotors from the same starts, which l2f's `sample_initial_state` draws, under the same constant forces, for
500 decisions of 10 ms. l2f as it is installed draws no quadrotors (its randomisation is compiled out): they are those of
`data/fleets.toml`, `published`, which are drawn as it would draw them.

Needs the packages l2f and foundation-policy, which bring simulator and weights, as INSTALL says. l2f's `DEBUG` leaves out all
vectors but that of eight, of which any number can be flown: it compiles in 18 s and 0.8 GB then, and takes over 6 otherwise.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from policies.policy_file import EVERY_KIND, load_policy
from robot.bench.l2f_conventions import SEEN, airframes, l2f_force, l2f_parameters, our_observation
from robot.robots.quadrotor.evaluation.evaluation import DECISIONS, TAIL
from robot.robots.quadrotor.evaluation.fleet_flights import FleetFlights
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from sim.quadrotor.fleets import load_fleet
from sim.quadrotor.model import GRAVITY_M_S2, N_ROTORS, P_INVERSE_MASS, QUADROTORS, load_parameters

INSTALL = "CFLAGS=-DDEBUG CXXFLAGS=-DDEBUG pip install l2f==2.0.18 foundation-policy==1.0.2"  # setuptools reads either
try:
    import l2f
    from foundation_policy import Raptor
    from l2f import vector8
except ImportError as error:
    raise ValueError(f"raptor: needs l2f and foundation-policy; {INSTALL}") from error

POLICY = Path(__file__).parents[2] / "policies" / "shipped" / "any_quadrotor.npz"
AIRFRAMES = Path(__file__).parent / "l2f_airframes.toml"
VECTOR = 8
DRAWN, NAMED = 1024, 256  # flights
SEED = 0
Force = Callable[[np.ndarray, float], float]  # standard deviation, N, for a quadrotor and a number from 0 to 1
FORCES: dict[str, Force] = {
    "no force": lambda drone, drawn: 0.0,
    "l2f's force": l2f_force,
    "force of 5 %": lambda drone, drawn: 0.05 * GRAVITY_M_S2 / drone[P_INVERSE_MASS],
}


class Pilot(Protocol):
    """Whoever flies n drones at once in l2f's simulator."""

    def begin(self, n: int) -> None:
        """Get ready for n new flights."""

    def act(self, seen: np.ndarray) -> np.ndarray:
        """Actions (n, N_ROTORS) for l2f's observations (n, 18 and past actions, newest first), all float32."""


class Ours:
    """The shipped policy."""

    def __init__(self) -> None:
        policy = load_policy(POLICY, kinds=EVERY_KIND)
        self.pilot = Recurrent(policy.weights, policy.layers)  # type: ignore[arg-type]  # it is one with memory

    def begin(self, n: int) -> None:
        self.pilot.begin(n)
        self.actions = np.empty((N_ROTORS, n), np.float32)

    def act(self, seen: np.ndarray) -> np.ndarray:
        self.pilot.act(our_observation(seen), self.actions)
        return self.actions.T


class Theirs:
    """RAPTOR, by its authors' code."""

    def __init__(self) -> None:
        self.policy = Raptor()

    def begin(self, n: int) -> None:
        self.policy.reset()

    def act(self, seen: np.ndarray) -> np.ndarray:
        actions: np.ndarray = self.policy.evaluate_step(seen[:, :SEEN])
        return actions


@dataclass(frozen=True)
class Start:
    """One flight of l2f's: its quadrotor, and where it begins."""

    parameters: Any
    state: Any


class Vector:
    """Eight of l2f's quadrotors, which it flies together."""

    def __init__(self, starts: list[Start]) -> None:
        self.device, self.environment, self.rng = l2f.Device(), vector8.VectorEnvironment(), vector8.VectorRng()
        self.parameters, self.state, self.after = (
            vector8.VectorParameters(),
            vector8.VectorState(),
            vector8.VectorState(),
        )
        vector8.initialize_environment(self.device, self.environment)
        vector8.initialize_rng(self.device, self.rng, 0)  # of noise, of which there is none
        self.parameters.parameters = [start.parameters for start in starts]
        self.state.states = [start.state for start in starts]

    def observe(self, seen: np.ndarray) -> None:
        vector8.observe(self.device, self.environment, self.parameters, self.state, seen, self.rng)

    def step(self, actions: np.ndarray, terminated: np.ndarray) -> None:
        vector8.step(self.device, self.environment, self.parameters, self.state, actions, self.after, self.rng)
        self.state.assign(self.after)
        vector8.terminated(self.device, self.environment, self.parameters, self.state, terminated, self.rng)


def run() -> dict[str, Any]:
    """Of both policies: shares within 1 m and not terminated, errors over the last 2 s, by quadrotors and forces."""
    pilots: dict[str, Pilot] = {"ours": Ours(), "raptor": Theirs()}
    drawn = load_fleet("published").draw(DRAWN, np.random.default_rng(SEED)).parameters
    figures = {f"drawn, {name}": compare(pilots, drawn, force) for name, force in FORCES.items()}
    ours = {name: load_parameters(name) for name in QUADROTORS}
    theirs = {f"l2f's {name}": quadrotor for name, quadrotor in airframes(AIRFRAMES).items()}
    for name, quadrotor in (ours | theirs).items():
        figures[name] = compare(pilots, np.tile(quadrotor.packed(), (NAMED, 1)), l2f_force)
    return figures


def compare(pilots: dict[str, Pilot], drones: np.ndarray, force: Force) -> dict[str, Any]:
    """Figures of each pilot over the same flights, one with each of the drones (n, N_PARAMETERS)."""
    starts = drawn_starts(drones, force)
    return {name: fly(pilot, starts) for name, pilot in pilots.items()}


def drawn_starts(drones: np.ndarray, force: Force) -> list[Start]:
    """Where flights with the drones (n, N_PARAMETERS) begin, by l2f."""
    device, environment, rng, usual = l2f.Device(), l2f.Environment(), l2f.Rng(), l2f.Parameters()
    l2f.initialize_environment(device, environment)
    l2f.initialize_rng(device, rng, SEED)
    l2f.initial_parameters(device, environment, usual)
    others = json.loads(l2f.parameters_to_json(device, environment, usual))
    starts = []
    for drone, drawn in zip(drones, np.random.default_rng(SEED).random(len(drones)), strict=True):
        parameters, state = l2f.Parameters(), l2f.State()
        written = json.dumps(l2f_parameters(drone, float(force(drone, drawn)), others))
        l2f.parameters_from_json(device, environment, written, parameters)
        l2f.sample_initial_state(device, environment, parameters, state, rng)
        starts.append(Start(parameters, state))
    return starts


def fly(pilot: Pilot, starts: list[Start]) -> dict[str, float | None]:
    """Figures of a flight from each of the starts, of which there are whole vectors."""
    n = len(starts)
    parts = [slice(first, first + VECTOR) for first in range(0, n, VECTOR)]
    vectors = [Vector(starts[part]) for part in parts]
    seen = np.zeros((n, vectors[0].environment.OBSERVATION_DIM), np.float32)
    ended, now = np.zeros(n, bool), np.zeros(n, bool)
    farthest, error, change = np.zeros(n), np.zeros(n), np.zeros(n)
    before = np.zeros((n, N_ROTORS), np.float32)
    pilot.begin(n)
    for vector, part in zip(vectors, parts, strict=True):
        vector.observe(seen[part])
    for decision in range(DECISIONS):
        actions = np.ascontiguousarray(pilot.act(seen), np.float32)
        for vector, part in zip(vectors, parts, strict=True):
            vector.step(actions[part], now[part])
            vector.observe(seen[part])
        ended |= now
        np.maximum(farthest, np.abs(seen[:, :3]).max(axis=1), out=farthest)
        if decision >= DECISIONS - TAIL:
            error += np.linalg.norm(seen[:, :3], axis=1) / TAIL
            change += np.abs(actions - before).mean(axis=1) / TAIL
        before = actions
    return {"not_terminated": float(1.0 - ended.mean()), **FleetFlights(farthest, error, change).figures()}
