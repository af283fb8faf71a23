"""From a Crazyflie in its box to its first flight: what it is, what is wrong with it, a hop, its file."""
