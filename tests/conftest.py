"""Settings of all tests."""

import os

for library in ("OPENBLAS", "OMP", "MKL"):  # as the command `robot` sets them: a second thread only waits
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

from hypothesis import settings  # noqa: E402  (libraries read what is above when they are loaded)

settings.register_profile("kernels", deadline=None)  # the first example of a test may wait for a compilation
settings.load_profile("kernels")
