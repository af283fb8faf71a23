"""Judging policies, whatever the robot."""
