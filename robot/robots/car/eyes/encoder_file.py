"""What the encoder of a car's camera takes and gives."""

from robot.perception.encoder_file import EncoderForm
from robot.robots.car.eyes.seeing_driver import HEIGHT, WIDTH
from robot.tasks.race_track.by_camera import SEEN

FORM = EncoderForm(HEIGHT, WIDTH, 1, SEEN)
encoder_beside, check_same_encoder = FORM.beside, FORM.check_same
