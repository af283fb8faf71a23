"""Many runs of `robot train`, on the cores of this machine or of a Ray cluster."""
