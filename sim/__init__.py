"""What pretends to be the world: Numba dynamics, sensors, tracks, Gymnasium environments. Imports nothing of ours."""
