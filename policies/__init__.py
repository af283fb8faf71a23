"""What decides: networks, learners, replay data, backup controllers."""

import sim  # noqa: F401  (how Numba is to keep kernels, before any is compiled)
