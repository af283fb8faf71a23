"""The shipped policy for any quadrotor in others' simulators, beside ours: the same quadrotors, the same starts, one table.

crazyflow (learnsyslab; 0.4.0) computes Crazyflies and an X500 in JAX, 500 steps a second, with rotors of a quadratic law and, of these,
gyroscopic torques; gym-pybullet-drones (Panerati et al., Learning to Fly, IROS 2021; 2.1.0) one Crazyflie in Bullet, whose rotors have no
lag and stop at 2.25 times its weight. Ours takes one Runge-Kutta step a decision. Flights of 500 decisions of 10 ms without noise or
a force, from the task's starts, 2 m up. `decisions_per_processor_s` is each simulator's alone: decisions of a drone, and its state taken out,
as it is installed, for a second of processor time, whoever else uses the machine. A simulator that is not there is named, with how to get it.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from policies.policy_file import EVERY_KIND, load_policy
from robot.bench.l2f_conventions import SEEN, airframes, our_observation
from robot.robots.quadrotor.evaluation.evaluation import DECISIONS, TAIL, Conditions, batch_for
from robot.robots.quadrotor.evaluation.fleet_flights import FleetFlights
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from robot.robots.quadrotor.training.first_order import drawn_starts
from robot.tasks import hover, recover
from sim.quadrotor.kernel import TERMINATED
from sim.quadrotor.model import (
    N_ROTORS,
    Q_W,
    STEP_S,
    V_X,
    W_X,
    QuadrotorParameters,
    QuadrotorRandomisation,
    load_parameters,
    rotation_matrix,
)
from sim.with_parent import command_line

POLICY = Path(__file__).parents[2] / "policies" / "shipped" / "any_quadrotor.npz"
AIRFRAMES = Path(__file__).parent / "pybullet_airframes.toml"
CRAZYFLOW = {"crazyflie_l250": "cf2x_L250", "crazyflie_2_1_plus": "cf2x_P250", "crazyflie_t350": "cf2x_T350",
             "crazyflie_2_1_brushless": "cf21B_500"}  # fmt: skip
PYBULLET = "cf2x"
FLIGHTS, FLIGHTS_PYBULLET = 256, 64
WARM_UP = 20  # decisions
SUBSTEPS = 5  # of 2 ms, of both others
SEED, ABOVE_M, APART_M = 0, 2.0, 20.0
SEES = W_X + 3  # of a state: all but the rotors
INSTALL = {
    "crazyflow": "pip install crazyflow",
    "gym_pybullet_drones": "pip install pybullet 'setuptools<81' pillow transforms3d control; pip install --no-deps "
    "git+https://github.com/utiasDSL/gym-pybullet-drones",
}


class Simulator(Protocol):
    """n quadrotors. `speeds`: shares of the rotors' full speed (n, N_ROTORS), in the order of `sim.quadrotor.model`."""

    def step(self, speeds: np.ndarray) -> np.ndarray:
        """A decision; where they are after it: (n, SEES), as our states have it."""


class Ours:
    """The batch that policies are judged in."""

    def __init__(self, quadrotor: QuadrotorParameters, states: np.ndarray, pilot: Recurrent) -> None:
        conditions = Conditions(quadrotor, QuadrotorRandomisation(), hover.STARTS, None)
        self.batch = batch_for(pilot, conditions, SEED, len(states), recover, DECISIONS)
        blocks = states.reshape(self.batch.n_blocks, self.batch.lanes, -1)
        self.batch.state_rows[:] = blocks.transpose(0, 2, 1)

    def step(self, speeds: np.ndarray) -> np.ndarray:
        self.batch.step((2.0 * speeds - 1.0).astype(np.float32))
        state = self.batch.state[:, :SEES]
        state[self.batch.end == TERMINATED, :3] = np.inf
        return state


class Crazyflow:
    """crazyflow's own drone of a name, by first principles."""

    def __init__(self, name: str, states: np.ndarray) -> None:
        import jax.numpy as jnp
        from crazyflow.control import Control
        from crazyflow.drones import Drone
        from crazyflow.dynamics import Dynamics
        from crazyflow.sim import Sim
        from crazyflow.sim.sim import rotor_vel_limits

        self.sim = Sim(
            len(states), 1, Drone(name), Dynamics.first_principles, Control.rotor_vel, freq=round(SUBSTEPS / STEP_S)
        )
        _, self.full_rpm = rotor_vel_limits(Dynamics.first_principles, Drone(name))
        place = states[:, None, :3] + (0.0, 0.0, ABOVE_M)
        self.sim.data = self.sim.data.replace(states=self.sim.data.states.replace(
            pos=jnp.asarray(place, jnp.float32), quat=jnp.asarray(states[:, None, [4, 5, 6, 3]], jnp.float32),
            vel=jnp.asarray(states[:, None, V_X:W_X], jnp.float32), ang_vel=jnp.asarray(states[:, None, W_X:SEES], jnp.float32),
            rotor_vel=jnp.asarray(self.full_rpm * states[:, None, SEES:], jnp.float32),
        ))  # fmt: skip

    def step(self, speeds: np.ndarray) -> np.ndarray:
        self.sim.rotor_vel_control((self.full_rpm * speeds[:, None]).astype(np.float32))
        self.sim.step(SUBSTEPS)
        found = self.sim.data.states
        x, q, v, w = (np.asarray(each)[:, 0] for each in (found.pos, found.quat, found.vel, found.ang_vel))
        return np.concatenate([x - (0.0, 0.0, ABOVE_M), q[:, [3, 0, 1, 2]], v, w], axis=1)


class PyBullet:
    """gym-pybullet-drones' Crazyflie in Bullet, all of them in one world, far apart."""

    def __init__(self, states: np.ndarray) -> None:
        import pybullet
        from gym_pybullet_drones.envs.CtrlAviary import CtrlAviary
        from gym_pybullet_drones.utils.enums import DroneModel, Physics

        self.origins_m = np.zeros((len(states), 3))
        self.origins_m[:, 0], self.origins_m[:, 2] = APART_M * np.arange(len(states)), ABOVE_M
        rate_hz = round(1.0 / STEP_S)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            self.world = CtrlAviary(DroneModel(PYBULLET), len(states), initial_xyzs=self.origins_m + states[:, :3],
                                    physics=Physics.PYB, pyb_freq=SUBSTEPS * rate_hz, ctrl_freq=rate_hz)  # fmt: skip
        client = {"physicsClientId": self.world.getPyBulletClient()}
        for drone, origin_m, s in zip(self.world.getDroneIds(), self.origins_m, states, strict=True):
            turned = np.reshape(rotation_matrix.py_func(*s[Q_W : Q_W + 4]), (3, 3))
            pybullet.resetBasePositionAndOrientation(drone, origin_m + s[:3], s[[4, 5, 6, 3]], **client)
            pybullet.resetBaseVelocity(drone, s[V_X:W_X], turned @ s[W_X:SEES], **client)

    def step(self, speeds: np.ndarray) -> np.ndarray:
        seen = self.world.step(self.world.MAX_RPM * speeds)[0]
        state = np.concatenate(
            [seen[:, :3] - self.origins_m, seen[:, [6, 3, 4, 5]], seen[:, 10:13], seen[:, 13:16]], axis=1
        )
        state[:, W_X:] = np.einsum("nij,ni->nj", rotations(state), state[:, W_X:])
        return state


def run() -> dict[str, Any]:
    """By quadrotor and simulator: survival, error, decisions a second; and which simulators are missing.

    In a process of its own: crazyflow wants its environment set before SciPy is imported.
    """
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    command = command_line("robot.bench.simulators")
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


def table() -> dict[str, Any]:
    """The figures, computed here."""
    policy = load_policy(POLICY, kinds=EVERY_KIND)
    pilot = Recurrent(policy.weights, policy.layers)  # type: ignore[arg-type]  # it is one with memory
    missing = {name: how for name, how in INSTALL.items() if find_spec(name) is None}
    figures: dict[str, Any] = {}

    def compare(
        name: str, quadrotor: QuadrotorParameters, flights: int, package: str, make: Callable[[np.ndarray], Simulator]
    ) -> None:
        states = drawn_starts(hover.STARTS, flights, np.random.default_rng(SEED))
        figures[f"{name}, ours"] = fly(pilot, Ours(quadrotor, states, pilot), states)
        if package not in missing:
            figures[f"{name}, {package}"] = fly(pilot, make(states), states)

    for ours, theirs in CRAZYFLOW.items():
        compare(ours, load_parameters(ours), FLIGHTS, "crazyflow", partial(Crazyflow, theirs))
    compare(PYBULLET, airframes(AIRFRAMES)[PYBULLET], FLIGHTS_PYBULLET, "gym_pybullet_drones", PyBullet)
    return figures | {f"{name}, not installed": how for name, how in missing.items()}


def fly(pilot: Recurrent, simulator: Simulator, states: np.ndarray) -> dict[str, float | None]:
    """Figures of a flight from each of the states (n, N_STATE). The first decisions, some of which compile, are not timed."""
    n, state = len(states), states[:, :SEES]
    farthest, error, change, taken_s = np.zeros(n), np.zeros(n), np.zeros(n), 0.0
    actions, before = np.zeros((N_ROTORS, n), np.float32), np.zeros((N_ROTORS, n), np.float32)
    pilot.begin(n)
    for decision in range(DECISIONS):
        seen = np.concatenate([state[:, :3], rotations(state).reshape(n, 9), state[:, V_X:SEES], actions.T], axis=1)
        assert seen.shape[1] == SEEN
        pilot.act(our_observation(np.nan_to_num(seen)), actions)
        began_s = time.process_time()
        state = simulator.step(0.5 + 0.5 * actions.T.astype(float))
        taken_s += time.process_time() - began_s if decision >= WARM_UP else 0.0
        np.maximum(farthest, np.abs(state[:, :3]).max(axis=1), out=farthest)
        if decision >= DECISIONS - TAIL:
            error += np.linalg.norm(state[:, :3], axis=1) / TAIL
            change += np.abs(actions - before).mean(axis=0) / TAIL
        before[:] = actions
    told = FleetFlights(farthest, error, change).figures()
    return {name: told[name] for name in ("survival", "error_median_m", "error_95_m")} | {
        "decisions_per_processor_s": round(n * (DECISIONS - WARM_UP) / taken_s)
    }


def rotations(states: np.ndarray) -> np.ndarray:
    """Rotation matrices (n, 3, 3), body to world, of states (n, SEES)."""
    return np.reshape(np.stack(rotation_matrix.py_func(*states[:, Q_W : Q_W + 4].T), axis=1), (-1, 3, 3))


if __name__ == "__main__":
    print(json.dumps(table()))
