"""One file per task."""

TASKS = {"race_track": "laps of a course, as fast as the car can, without touching its walls"}
