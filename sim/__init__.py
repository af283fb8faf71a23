"""What pretends to be the world: Numba dynamics, sensors, tracks, Gymnasium environments. Imports nothing of ours."""

import os
import sys

_LOCATORS = ",".join([*(f"sim.kernel_cache.{name}" for name in ("UserProvided", "InTree", "UserWide")),
                      "IPythonCacheLocator", "ZipCacheLocator"])  # fmt: skip
os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", _LOCATORS)  # Numba reads it when it is imported
if "numba.core.config" in sys.modules:
    sys.modules["numba.core.config"].CACHE_LOCATOR_CLASSES = _LOCATORS  # type: ignore[attr-defined]
