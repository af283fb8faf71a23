"""What the encoders of an arm's wrist camera take and give, and the policy that comes with the project to insert by one."""

from pathlib import Path

from robot.perception.encoder_file import EncoderForm
from robot.robots.arm.eyes.block_view import BLOCK
from robot.robots.arm.eyes.seeing_arm import BY_CAMERA, LIFT_BY_CAMERA
from robot.robots.arm.eyes.wrist_view import HEIGHT, SIZE, WIDTH

# robot train --task peg_insert --eyes --seed 0 (docs/experiments/wrist.md)
SHIPPED_SEEING_POLICY = Path(__file__).parents[4] / "policies" / "shipped" / "peg_insert_by_camera" / "policy.npz"
FORM = EncoderForm(HEIGHT, WIDTH, 1, SIZE)
encoder_beside, check_same_encoder = FORM.beside, FORM.check_same
# By task. That of a block: robot train --task lift --eyes --seed 0
FORMS = {BY_CAMERA: FORM, LIFT_BY_CAMERA: EncoderForm(HEIGHT, WIDTH, 1, BLOCK.size)}
