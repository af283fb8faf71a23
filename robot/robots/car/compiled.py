"""Whether this machine has compiled what drives a car."""

from collections.abc import Iterable
from typing import Any

from robot.robots.car.shield.predictive_brake import filter_action, plan_stop

EVERY_DRIVE, PRACTICE = (plan_stop,), (filter_action, plan_stop)  # what takes longest of what each needs


def is_compiled(kernels: Iterable[Any]) -> bool:
    """Whether kernels, functions made by Numba, are kept where it looks for them: beside their sources, in this user's cache
    or in NUMBA_CACHE_DIR; made of the sources as they are now."""
    return all(kernel._cache._cache_file._load_index() for kernel in kernels)
