"""Training in the simulator, whatever the robot: one run, and sweeps over many."""
