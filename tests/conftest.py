"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("kernels", deadline=None)  # the first example of a test may wait for a compilation
settings.load_profile("kernels")
