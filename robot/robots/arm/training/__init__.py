"""How policies of arms are trained and judged in the simulator."""
