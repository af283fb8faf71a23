"""The race-track policy from the simulator."""
