"""What the log of a car with a camera holds of each tick. It gives out what every car gives out."""

from drivers.reading_record import Field, reading_fields
from robot.perception.result import PerceptionReading
from robot.robots.car.devices import FIELDS as OF_EVERY_CAR
from robot.robots.car.records import COMMAND, ESTIMATE, FIGURES
from robot.runtime.records import compose
from robot.tasks.race_track.by_camera import SPEC

FIELDS: dict[str, list[Field]] = {
    "motor": OF_EVERY_CAR["motor"],
    "camera": [*reading_fields(PerceptionReading), ("up", "u4")],
}
RECORDS = compose(SPEC.observation_size, SPEC.action_size, FIELDS,
                  {"estimate": ESTIMATE, "command": COMMAND, "figures": FIGURES})  # fmt: skip
