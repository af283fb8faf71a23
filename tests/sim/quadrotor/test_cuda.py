"""The GPU's step computes what the processor's does: run by Numba's CUDA simulator, in a process that switches it on."""

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from robot.tasks import hover, track_trajectory
from sim.quadrotor.batch import QuadrotorBatch, SensorNoise
from sim.quadrotor.cuda import QuadrotorCuda, measure
from sim.quadrotor.model import QuadrotorRandomisation

DRONES, LAUNCHES, DECISIONS = 8, 4, 5
TOLERANCE = 5e-5  # float32 in another order; errors grow for 15 decisions at most, then episodes begin anew
EVERYTHING = {
    "noise": SensorNoise(), "history": 3, "ground_z_m": -0.6, "substeps": 2,
    "randomisation": QuadrotorRandomisation(
        mass=0.2, inertia=0.2, arm=0.1, thrust=0.2, torque_per_thrust=0.1, motor_delay=0.2, drag=0.3, battery=0.1,
        battery_sag=0.1, latency_high_s=0.015, force_share=0.05, torque_share_m=1e-4, gust_share=0.1,
    ),
}  # fmt: skip
CASES = {"hover": (hover, EVERYTHING), "track_trajectory": (track_trajectory, {})}


@pytest.mark.parametrize("case", CASES)
def test_gpu_and_processor_agree(case: str) -> None:
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1"}
    child = subprocess.run([sys.executable, __file__, case], env=environment, capture_output=True, text=True)
    assert child.returncode == 0, child.stderr


def compare(task: Any, options: dict[str, Any]) -> None:
    options = options | {"decisions_max": 15, "starts": task.STARTS}
    processor = QuadrotorBatch(task, DRONES, seed=3, **options)
    gpu = QuadrotorCuda(QuadrotorBatch(task, DRONES, seed=3, **options), DECISIONS)
    shape = (LAUNCHES, DECISIONS, DRONES, 4)
    ended = 0
    for actions in np.random.default_rng(0).uniform(-1.2, 1.2, shape).astype(np.float32):
        gpu.step(actions)
        observations, rewards, ends = (a.copy_to_host() for a in (gpu.observations, gpu.rewards, gpu.ends))
        for decision in range(DECISIONS):
            processor.step(actions[decision])
            seen = processor.observation_rows[:, : task.OBSERVATION_SIZE]
            np.testing.assert_allclose(observations[decision], seen, atol=TOLERANCE)
            np.testing.assert_allclose(rewards[decision], processor.reward_rows, atol=TOLERANCE)
            np.testing.assert_array_equal(ends[decision], processor.end_rows)
            ended += np.count_nonzero(processor.end)
    assert ended >= DRONES  # or resets were not compared
    brought = gpu.bring_back()
    np.testing.assert_array_equal(brought.counters[:, :3], processor.counters[:, :3])  # random numbers, ages, ends
    for name in ("state", "parameters", "observation", "last_observation", "reward"):
        np.testing.assert_allclose(getattr(brought, name), getattr(processor, name), atol=TOLERANCE, rtol=TOLERANCE)
    for drones in (brought, processor):  # and the processor flies on with them
        drones.step(actions[0])
    np.testing.assert_allclose(brought.observation, processor.observation, atol=TOLERANCE)
    assert measure(task, DRONES) is None  # the simulator is no GPU


if __name__ == "__main__":
    compare(*CASES[sys.argv[1]])
