"""Courses: built in, drawn at random, found on maps."""
