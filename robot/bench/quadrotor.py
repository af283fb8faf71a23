"""How fast the batched quadrotor simulator is, and how exact.

A full step is one decision of 10 ms: a Runge-Kutta step with its observation, reward, ends and resets, hovering drones
of which each has its own mass, inertia, thrust, motor delay and disturbances. Actions are random about hover and stay:
about every fiftieth step ends an episode. Each number of cores is measured in a process of its own, so that BLAS and
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
from robot.tasks import hover
from sim.quadrotor.batch import QuadrotorBatch, SensorNoise
from sim.quadrotor.model import QuadrotorParameters, QuadrotorRandomisation, derivative, load_parameters
from sim.quadrotor.reference import ReferenceQuadrotor
from sim.with_parent import command_line

DRONES = (1, 64, 1024, 16384, 131072)
OBSERVATIONS: dict[str, dict[str, Any]] = {"22": {}, "146": {"history": 32, "noise": SensorNoise()}}
SPREAD = QuadrotorRandomisation(
    mass=0.2, inertia=0.2, thrust=0.1, motor_delay=0.2, force_share=0.05, torque_share_m=1e-4
)
ERROR_DRONES, ERROR_STEPS = 64, 15
GPU_DRONES = 262144


def run() -> dict[str, Any]:
    """Full steps a second by number of drones, on one core, on two and on a GPU, beside the machine's own speed; errors."""
    one, two = _in_process("1"), _in_process("2")
    return {
        "steps_per_s": one["22"],
        "steps_per_s_2_cores": two["22"],
        "steps_per_s_146": one["146"],
        "steps_per_s_146_2_cores": two["146"],
        "sgemm_gflops": one["sgemm_gflops"],
        "steps_per_kflop": round(one["22"]["16384"] / one["sgemm_gflops"] / 1e6, 3),
        "error": error_against_reference(),
        "error_drone_models": _in_process("drone_models") if find_spec("drone_models") else None,
        **_measure_gpu(),
        "cores_of_this_machine": len(os.sched_getaffinity(0)),
    }


def error_against_reference(quadrotor: str = "crazyflie_2_1") -> float:
    """Largest error of any state after 15 full steps under random actions, against float64, as a share of 1 + |state|."""
    parameters, rng = load_parameters(quadrotor), np.random.default_rng(1)
    batch = QuadrotorBatch(hover, ERROR_DRONES, 1, parameters)
    drones = [ReferenceQuadrotor(parameters, state) for state in batch.state]
    running = np.ones(ERROR_DRONES, dtype=bool)
    for _ in range(ERROR_STEPS):
        actions = rng.uniform(-1.0, 1.0, (ERROR_DRONES, 4)).astype(np.float32)
        batch.step(actions)
        running &= batch.end == 0
        for drone, action in zip(drones, actions, strict=True):
            drone.step(action)
    expected = np.array([drone.state for drone in drones])
    return float((np.abs(batch.state - expected) / (1.0 + np.abs(expected)))[running].max())


def error_against_drone_models(name: str = "cf21B_500") -> float:
    """Largest difference of any acceleration to the first-principles model of drone-models, as a share of 1 + |it|.

    Its rotors' own inertia, which ours lack, is left out. Needs SCIPY_ARRAY_API=1 before scipy is imported anywhere.
    """
    from drone_models.core import load_params
    from drone_models.first_principles import dynamics

    theirs = load_params("first_principles", name)
    wanted = ("mass", "L", "prop_inertia", "gravity_vec", "J", "J_inv", "rpm2thrust", "rpm2torque", "mixing_matrix",
              "drag_matrix", "rotor_dyn_coef")  # fmt: skip
    settings = {key: theirs[key] for key in wanted} | {"prop_inertia": 0.0}
    # Ours has one ratio of torque to thrust, theirs two polynomials: give it the same.
    ratio = float(theirs["thrust2torque"])
    settings["rpm2torque"] = ratio * settings["rpm2thrust"]
    full_rpm, thrust, drag = 20000.0, settings["rpm2thrust"], -np.diag(settings["drag_matrix"])
    inertia, arm = np.diag(settings["J"]), float(settings["L"])
    rng, worst = np.random.default_rng(2), 0.0
    for _ in range(100):
        position, velocity, rate = rng.normal(size=3), rng.normal(0.0, 3.0, 3), rng.normal(0.0, 5.0, 3)
        attitude, speeds = rng.normal(size=4), rng.uniform(0.2, 1.0, 4)
        attitude /= np.linalg.norm(attitude)
        force, torque = rng.normal(0.0, 0.1, 3), rng.normal(0.0, 1e-3, 3)
        ours = QuadrotorParameters(
            mass_kg=float(settings["mass"]), inertia_x_kg_m2=inertia[0], inertia_y_kg_m2=inertia[1],
            inertia_z_kg_m2=inertia[2], arm_x_m=arm, arm_y_m=arm, rotor_radius_m=0.02, thrust_0_n=thrust[0],
            thrust_1_n=thrust[1] * full_rpm, thrust_2_n=thrust[2] * full_rpm**2, torque_per_thrust_m=ratio,
            motor_rise_s=0.05, motor_fall_s=0.05, drag_across_n_s_m=drag[0], drag_along_n_s_m=drag[2],
            battery_v=3.7, battery_nominal_v=3.7, battery_sag_v_n=0.0,
            force_n=tuple(force), torque_n_m=tuple(torque),
        )  # fmt: skip
        state = tuple(np.concatenate([position, attitude, velocity, rate, speeds]).tolist())
        found = np.array(derivative(state, tuple(speeds.tolist()), ours.packed(), None))[7:13]
        quaternion = np.roll(attitude, -1)  # x, y, z, w
        rpm = full_rpm * speeds
        world_torque = _rotated(attitude, torque)
        _, _, acceleration, angular, _ = dynamics(position, quaternion, velocity, rate, rpm, rpm, force, world_torque,
                                                  **settings)  # fmt: skip
        expected = np.concatenate([acceleration, angular])
        worst = max(worst, float((np.abs(found - expected) / (1.0 + np.abs(expected))).max()))
    return worst


def _rotated(q: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return vector + 2.0 * np.cross(q[1:], np.cross(q[1:], vector) + q[0] * vector)


def _measure_gpu() -> dict[str, Any]:
    from sim.quadrotor.cuda import measure

    measured = measure(hover, GPU_DRONES, randomisation=SPREAD)
    return {} if measured is None else {"steps_per_s_gpu": round(measured[0]), "gpu": measured[1]}


def _in_process(what: str) -> Any:
    environment = os.environ | {"NUMBA_NUM_THREADS": "2" if what == "2" else "1", "OPENBLAS_NUM_THREADS": "1"}
    environment |= {"SCIPY_ARRAY_API": "1"}
    command = command_line("robot.bench.quadrotor", what)
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout)


def _measure(cores: int) -> dict[str, Any]:
    before = sgemm_gflops()
    figures: dict[str, Any] = {
        size: {str(n): _steps_per_s(n, cores, options) for n in DRONES} for size, options in OBSERVATIONS.items()
    }
    return figures | {"sgemm_gflops": max(before, sgemm_gflops())}


def _steps_per_s(n: int, cores: int, options: dict[str, Any]) -> int:
    batch = QuadrotorBatch(hover, n, 1, randomisation=SPREAD, parallel=cores > 1, **options)
    hovering = 2.0 * load_parameters().hover_command() - 1.0
    batch.step(hovering + np.random.default_rng(2).uniform(-0.1, 0.1, (n, 4)).astype(np.float32))
    return round(n * calls_per_s(batch.advance))


if __name__ == "__main__":
    part = sys.argv[1]
    print(json.dumps(error_against_drone_models() if part == "drone_models" else _measure(int(part))))
