"""What runs: the command line, the control loop, tasks, safety, practice and logs."""

import sim  # noqa: F401  (how Numba is to keep kernels, before any is compiled)
