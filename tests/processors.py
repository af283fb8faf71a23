"""This machine as if it were another: environments for child processes, in which libraries choose other kernels.

NumPy takes the kernels that any x86-64 or ARM processor can run, as one without AVX-512 would take others than one with
it; Numba compiles for any processor of the kind; OpenBLAS takes the kernels of 2008.
"""

from numpy._core._multiarray_umath import __cpu_dispatch__

PLAIN_NUMPY = {"NPY_DISABLE_CPU_FEATURES": " ".join(__cpu_dispatch__)}
OTHER_PROCESSORS = ({"OPENBLAS_CORETYPE": "Nehalem"}, PLAIN_NUMPY, {"NUMBA_CPU_NAME": "generic"})
