"""The slow first lap: who drives it, and what is learned from it: the map, the course, trim and latency."""
