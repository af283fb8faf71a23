"""Stops of every kind at any moment, judged by the simulator's truth."""
