"""The encoder that a policy was trained with: a file beside the policy's. To another encoder its embeddings mean nothing."""

from pathlib import Path
from typing import NamedTuple

from robot.perception.encoder import Encoder
from sim.input_files import read_bytes

ENCODER_FILE = "encoder.onnx"


class EncoderForm(NamedTuple):
    """What a robot's encoders take, pictures (height, width, channels), and what they give, so many numbers."""

    height: int
    width: int
    channels: int
    size: int

    def beside(self, policy: Path) -> bytes:
        """The encoder that belongs to a policy file. Raises ValueError, naming its file, if there is none, or for what is none."""
        path = policy.with_name(ENCODER_FILE)
        if not path.is_file():
            raise ValueError(f"{path}: found none, allowed: the encoder that {policy.name} was trained with")
        data = read_bytes(path)
        encoder = Encoder(path, data)
        found = (encoder.height, encoder.width, encoder.channels, encoder.size)
        if found != self:
            raise ValueError(
                f"{path}: found height, width, channels, embedding {found}, allowed: {tuple(self)}, as the robot sees"
            )
        return data

    def check_same(self, policy: Path, run: Path) -> None:
        """Raises ValueError if a run that goes on from this policy has seen by another encoder: what it learned would mean nothing."""
        kept = run / ENCODER_FILE
        if kept.is_file() and read_bytes(kept) != self.beside(policy):
            raise ValueError(f"{kept}: found another encoder than {policy.with_name(ENCODER_FILE)}, allowed: the one that the run began "
                             "with; for another, begin a new run")  # fmt: skip
