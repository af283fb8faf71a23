"""Faults on purpose, at the wire and in the processes, while a robot practises."""
