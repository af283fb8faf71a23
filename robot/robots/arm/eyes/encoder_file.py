"""The encoder of an arm's wrist camera: a file beside the policy that inserts by it."""

from pathlib import Path

from robot.perception.encoder import Encoder
from robot.robots.arm.eyes.wrist_view import HEIGHT, SIZE, WIDTH
from sim.input_files import read_bytes

# robot train --task peg_insert --eyes --seed 0 (docs/experiments/wrist.md)
SHIPPED_SEEING_POLICY = Path(__file__).parents[4] / "policies" / "shipped" / "peg_insert_by_camera" / "policy.npz"
ENCODER_FILE = "encoder.onnx"
FORM = (HEIGHT, WIDTH, 1, SIZE)


def encoder_beside(policy: Path) -> bytes:
    """The encoder that belongs to a policy file. Raises ValueError, naming its file, if there is none, or for what is none."""
    path = policy.with_name(ENCODER_FILE)
    if not path.is_file():
        raise ValueError(f"{path}: found none, allowed: the encoder that {policy.name} was trained with")
    data = read_bytes(path)
    encoder = Encoder(path, data)
    found = (encoder.height, encoder.width, encoder.channels, encoder.size)
    if found != FORM:
        raise ValueError(f"{path}: found height, width, channels, embedding {found}, allowed: {FORM}, as the arm sees")
    return data


def check_same_encoder(policy: Path, run: Path) -> None:
    """Raises ValueError if a run that goes on from this policy has seen by another encoder: it would see its hole elsewhere."""
    kept = run / ENCODER_FILE
    if kept.is_file() and read_bytes(kept) != encoder_beside(policy):
        raise ValueError(f"{kept}: found another encoder than {policy.with_name(ENCODER_FILE)}, allowed: the one that the run began "
                         "with; for another, begin a new run")  # fmt: skip
