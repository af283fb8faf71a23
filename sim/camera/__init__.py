"""What a camera on a car sees: walls, tape, floor and ceiling through a lens and a sensor, for many cars at once."""
