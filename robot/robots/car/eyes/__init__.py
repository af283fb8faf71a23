"""Cars that drive by a camera: a fleet of them in the simulator, a driver that sees, its training and its judge."""
