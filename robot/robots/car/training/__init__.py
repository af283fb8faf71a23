"""How a car learns in the simulator, and the laps that it is judged by."""
