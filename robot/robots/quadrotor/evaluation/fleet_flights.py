"""Flights of one policy with many different quadrotors, each in the Runge-Kutta simulator: how fleets are judged.

Flights are those of `evaluation.py`, but a drone that has been tilted by 90 degrees and has little thrust needs more room than
the hover task's box of 0.6 m: it is lost where it comes ROOM_M from the goal, as RAPTOR's judges have it. What stays within the
task's box is told besides. Whoever follows a path is lost where that task's episodes end, nearer than ROOM_M.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from robot.robots.quadrotor.evaluation.evaluation import (
    DECISIONS,
    DISTURBED,
    TAIL,
    Conditions,
    Pilot,
    batch_for,
    fly,
    measure,
)
from robot.robots.quadrotor.evaluation.recurrent_pilot import Recurrent
from robot.tasks import hover, recover
from sim.quadrotor.batch import QuadrotorBatch, SensorNoise
from sim.quadrotor.fleets import Fleet
from sim.quadrotor.model import (
    GRAVITY_M_S2,
    N_ROTORS,
    P_FORCE_X,
    P_TORQUE_X,
    STEP_S,
    QuadrotorParameters,
    QuadrotorRandomisation,
)

ROOM_M = 1.0  # in each coordinate


@dataclass(frozen=True)
class FleetFlights:
    """What came of n flights, (n,) each; the last two are means over TAIL, and mean little where it was lost."""

    farthest_m: np.ndarray  # largest coordinate on the way; infinite where the simulator gave it up
    position_error_m: np.ndarray
    action_change: np.ndarray

    @property
    def survived(self) -> np.ndarray:
        """(n,) bool."""
        survived: np.ndarray = self.farthest_m < ROOM_M
        return survived

    def figures(self) -> dict[str, float | None]:
        """What tables and JSON show; None where nobody survived."""
        who = self.survived
        errors, changes = self.position_error_m[who], self.action_change[who]
        return {
            "survival": float(who.mean()),
            "survival_in_task_box": float((self.farthest_m < hover.BOX_M).mean()),
            "position_error_m": float(errors.mean()) if who.any() else None,
            "error_median_m": float(np.median(errors)) if who.any() else None,
            "error_95_m": float(np.percentile(errors, 95.0)) if who.any() else None,
            "action_change": float(changes.mean()) if who.any() else None,
        }


def fly_fleet(
    pilot: Pilot, fleet: Fleet, seed: int, flights: int, noise: SensorNoise = SensorNoise(), task: Any = hover
) -> FleetFlights:
    """Each flight with another quadrotor of the fleet, without its gusts, and all with one noise."""
    drones = fleet.draw(flights, np.random.default_rng([seed, 0xF1EE7])).parameters
    return fly_all(pilot, drones, seed, noise, task)


def fly_named(pilot: Pilot, quadrotor: QuadrotorParameters, seed: int, flights: int, task: Any = hover) -> FleetFlights:
    """All flights with one quadrotor, under DISTURBED's forces and torques."""
    return fly_all(pilot, disturbed(quadrotor, seed, flights), seed, task=task)


def disturbed(quadrotor: QuadrotorParameters, seed: int, flights: int) -> np.ndarray:
    """The quadrotor (flights, N_PARAMETERS) under as many draws of DISTURBED's forces and torques."""
    rng = np.random.default_rng([seed, 0x9A3ED])
    drones, weight_n = np.tile(quadrotor.packed(), (flights, 1)), quadrotor.mass_kg * GRAVITY_M_S2
    drones[:, P_FORCE_X : P_FORCE_X + 3] += DISTURBED.force_share * weight_n * rng.normal(size=(flights, 3))
    drones[:, P_TORQUE_X : P_TORQUE_X + 3] += DISTURBED.torque_share_m * weight_n * rng.normal(size=(flights, 3))
    return drones


def fly_all(
    pilot: Pilot, drones: np.ndarray, seed: int, noise: SensorNoise = SensorNoise(), task: Any = hover
) -> FleetFlights:
    """A flight with each of the drones (n, N_PARAMETERS), from the starts of the task."""
    batch = batch_of(pilot, drones, seed, noise, task, DECISIONS)
    n = batch.n_blocks * batch.lanes
    alive, farthest = np.ones(n, np.bool_), np.zeros((batch.n_blocks, batch.lanes), np.float32)
    goals, sums = np.zeros((batch.n_blocks, 3, batch.lanes), np.float32), np.zeros((3, n), np.float32)
    before = np.zeros((N_ROTORS, n), np.float32)
    for decision, actions in enumerate(fly(pilot, batch, DECISIONS, alive)):
        if task.MEMORY_SIZE:
            task.places(batch.memory[:, -task.MEMORY_SIZE :].copy(), STEP_S * (decision + 1), goals)
        np.maximum(farthest, np.abs(batch.state_rows[:, :3] - goals).max(axis=1), out=farthest)
        if decision >= DECISIONS - TAIL:
            measure(batch.state_rows, goals, actions, before, np.float32(0.0), sums)
        before[:] = actions
    lost = np.where(alive, farthest.reshape(-1), np.inf)
    return FleetFlights(lost[: len(drones)], *(sums[:2, : len(drones)] / TAIL))


def batch_of(
    pilot: Pilot, drones: np.ndarray, seed: int, noise: SensorNoise, task: Any, decisions: int
) -> QuadrotorBatch:
    """These drones (n, N_PARAMETERS), over again in the lanes that are left, at the task's starts; the pilot is told of them."""
    conditions = Conditions(randomisation=QuadrotorRandomisation(), starts=task.STARTS, noise=noise)
    batch = batch_for(pilot, conditions, seed, len(drones), recover if task is hover else task, decisions)
    n = batch.n_blocks * batch.lanes
    rows = drones[np.arange(n) % len(drones)].reshape(batch.n_blocks, batch.lanes, -1)
    batch.parameter_rows[:] = rows.transpose(0, 2, 1)
    if isinstance(pilot, Recurrent):
        pilot.tell(rows.reshape(n, -1))
    return batch
