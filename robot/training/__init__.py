"""Runs of training: sweeps over many, and the network that a run leaves."""
