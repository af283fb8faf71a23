"""Settings of all tests."""

import gc
import os
import signal
from pathlib import Path

for library in ("OPENBLAS", "OMP", "MKL"):  # as the command `robot` sets them: a second thread only waits
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# Begun in the background or by nohup, nobody here would hear Ctrl-C or a hang-up, nor would what the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

import pytest  # noqa: E402  (libraries read what is above when they are loaded)
from hypothesis import settings  # noqa: E402

settings.register_profile("kernels", deadline=None)  # the first example of a test may wait for a compilation
settings.load_profile("kernels")

TESTS = Path(__file__).parent
# What takes longest, longest first: begun last, one of these would keep one core busy while the other waits. Neighbours
# share no kernels that take long to compile.
LONGEST = (
    "robot/robots/car/shield/test_predictive_brake.py", "robot/robots/quadrotor/test_rivals.py",
    "sim/car/test_batch.py", "robot/robots/car/training/test_training.py", "robot/practice/test_killed_while_starting.py",
    "robot/practice/test_session.py", "robot/robots/car/demonstration/test_first_metres.py",
    "drivers/emulators/test_crazyflie_firmware.py", "policies/test_rlpd_kernels.py", "robot/logs/test_same_bytes.py",
    "robot/robots/car/belief/test_adaptation.py", "sim/quadrotor/test_cuda.py", "sim/quadrotor/test_environments.py",
    "robot/practice/test_best_policy.py", "robot/robots/car/test_recovery.py", "robot/training/test_run_sweep.py",
    "robot/robots/car/test_giving_way.py", "robot/cli/test_main.py", "sim/quadrotor/test_batch.py",
    "robot/practice/test_toy.py", "robot/tasks/test_track_trajectory_environment.py", "sim/car/test_yardstick.py",
    "robot/robots/car/demonstration/test_gap_follower.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {TESTS / name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path, len(rank)))
    gc.freeze()  # all that was imported and collected stays: nobody need look through it again and again
