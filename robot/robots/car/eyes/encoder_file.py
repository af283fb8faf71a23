"""The encoder that a policy was trained with: a file beside the policy's. To another encoder its embeddings mean nothing."""

from pathlib import Path

ENCODER_FILE = "encoder.onnx"


def encoder_beside(policy: Path) -> bytes:
    """The encoder that belongs to a policy file. Raises ValueError if there is none."""
    path = policy.with_name(ENCODER_FILE)
    if not path.is_file():
        raise ValueError(f"{path}: found none, allowed: the encoder that {policy.name} was trained with")
    return path.read_bytes()
