"""How fast the batched car simulator is, and how exact.

A full step is one physics step of 10 ms with its observation, reward, ends and resets, on the default track, every car
with its own grip, mass, delay and trim. Each number of cores is measured in a process of its own, so that BLAS and
Numba have exactly that many threads.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np

from robot.bench.rates import calls_per_s, sgemm_gflops
from robot.tasks.race_track import task as race_track
from sim.car import kernel as car_kernel
from sim.car.batch import CarBatch
from sim.car.model import GRAVITY_M_S2, PHYSICS_STEP_S, Randomisation, body_derivative, load_parameters
from sim.car.reference import ReferenceCar
from sim.tracks.built_in_tracks import BUILT_IN, built_in
from sim.with_parent import command_line

CARS = (1, 64, 1024, 16384)
ERROR_CARS, ERROR_STEPS = 64, 15


def run() -> dict[str, Any]:
    """Full steps a second by number of cars, on one core and on two, beside the machine's own speed; errors."""
    one, two = (_measure_in_process(cores) for cores in (1, 2))
    error, error_of_motion = error_against_reference()
    return {
        "steps_per_s": one["steps_per_s"],
        "steps_per_s_2_cores": two["steps_per_s"],
        "error": error,
        "error_of_motion": error_of_motion,
        "error_commonroad": error_against_commonroad() if find_spec("vehiclemodels") else None,
        "physics_steps_per_s_in_decisions": one["in_decisions"],
        "physics_steps_per_s_in_decisions_2_cores": two["in_decisions"],
        "substeps_of_a_decision": _substeps_of_a_decision(),
        "sgemm_gflop_per_s": one["sgemm_gflop_per_s"],
        "cores_of_this_machine": len(os.sched_getaffinity(0)),
    }


def error_against_reference() -> tuple[float, float]:
    """Largest absolute error, SI units, of any state after 15 full steps under random actions, against float64.

    The second figure leaves out the place on the course, whose curvature the kernel takes as linear within a step.
    """
    course, rng = built_in(BUILT_IN[0]), np.random.default_rng(1)
    batch = CarBatch(race_track, [course], ERROR_CARS, seed=1, substeps=1)
    cars = [ReferenceCar(race_track, course, load_parameters(), motion) for motion in _motion(batch)]
    running = np.ones(ERROR_CARS, dtype=bool)
    for _ in range(ERROR_STEPS):
        actions = rng.uniform(-1.0, 1.0, (ERROR_CARS, 2)).astype(np.float32)
        batch.step(actions)
        running &= batch.end == 0
        for car, action in zip(cars, actions, strict=True):
            car.step(action, 1)
    difference = _motion(batch) - np.array([car.motion for car in cars])
    difference[:, 0] = np.remainder(difference[:, 0] + course.length_m / 2, course.length_m) - course.length_m / 2
    error = np.abs(difference[running])
    return float(error.max()), float(error[:, 3:].max())


def _motion(batch: CarBatch) -> np.ndarray:
    rows = (car_kernel.S, car_kernel.LATERAL, car_kernel.HEADING_ERROR, car_kernel.V_X, car_kernel.V_Y,
            car_kernel.YAW_RATE, car_kernel.STEER, car_kernel.CHARGE)  # fmt: skip
    return np.stack([batch.row(row) for row in rows], axis=1).astype(np.float64)


def error_against_commonroad() -> float:
    """Largest relative difference of yaw acceleration and slip rate to CommonRoad's single-track model at small slip.

    That model has linear tyres of one stiffness, so the car is given the same; slip up to 0.002 rad, 1 to 6 m/s.
    """
    from vehiclemodels.vehicle_dynamics_st import vehicle_dynamics_st
    from vehiclemodels.vehicle_parameters import setup_vehicle_parameters

    theirs = setup_vehicle_parameters(vehicle_id=1)
    ours = load_parameters()
    stiffness = ours.front_stiffness_per_rad
    theirs.m, theirs.I_z, theirs.a, theirs.b = ours.mass_kg, ours.yaw_inertia_kg_m2, ours.front_axle_m, ours.rear_axle_m
    theirs.h_s, theirs.tire.p_dy1, theirs.tire.p_ky1 = ours.gravity_centre_height_m, ours.grip, -stiffness * ours.grip
    parameters = ours.packed()
    parameters[7] = stiffness
    rng, worst = np.random.default_rng(2), 0.0
    for _ in range(200):
        steer, slip, yaw_rate = rng.uniform(-0.002, 0.002, 3)
        speed = rng.uniform(1.0, 6.0)
        _, dv_y, dyaw_rate = body_derivative(speed, speed * np.tan(slip), yaw_rate, steer, 0.0, parameters)
        expected = vehicle_dynamics_st([0.0, 0.0, steer, speed, 0.0, yaw_rate, slip], [0.0, 0.0], theirs)
        scale = GRAVITY_M_S2 * ours.grip * stiffness * 0.002  # side acceleration of an axle at that slip
        worst = max(worst, abs(dyaw_rate - expected[5]) * ours.wheelbase_m / 2 / scale)
        worst = max(worst, abs(dv_y - speed * expected[6]) / scale)
    return worst


def _substeps_of_a_decision() -> int:
    return round(race_track.DECISION_S / PHYSICS_STEP_S)


def _measure_in_process(cores: int) -> dict[str, Any]:
    environment = os.environ | {"NUMBA_NUM_THREADS": str(cores), "OPENBLAS_NUM_THREADS": str(cores)}
    command = command_line("robot.bench.car", str(cores))
    result = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures: dict[str, Any] = json.loads(result.stdout)
    return figures


def _measure(cores: int) -> dict[str, Any]:
    return {
        "steps_per_s": {str(n): _steps_per_s(n, 1, cores) for n in CARS},
        "in_decisions": {str(n): _steps_per_s(n, _substeps_of_a_decision(), cores) for n in CARS},
        "sgemm_gflop_per_s": sgemm_gflops(),
    }


def _steps_per_s(n_cars: int, substeps: int, cores: int) -> int:
    batch = CarBatch(race_track, [built_in(BUILT_IN[0])], n_cars, seed=1, randomisation=Randomisation(),
                     substeps=substeps, parallel=cores > 1)  # fmt: skip
    actions = np.random.default_rng(2).uniform(-0.4, 0.4, (n_cars, 2)).astype(np.float32)
    return round(n_cars * substeps * calls_per_s(lambda: batch.step(actions)))


if __name__ == "__main__":
    print(json.dumps(_measure(int(sys.argv[1]))))
