"""What the app on a Crazyflie and whoever flies with it agree on: a policy's name, and what it is shown."""

import hashlib
import json

import numpy as np

from policies.policy_file import PolicyFile

POSITION_ERROR_MAX_M = 0.5  # what the policy is shown of it, per axis: policies are trained within 0.6 m


def policy_sha256(policy: PolicyFile) -> str:
    """The policy's name for good: SHA-256, as hex, over its layers, its metadata and its weights."""
    about = json.dumps([list(policy.layers), policy.metadata], sort_keys=True)
    return hashlib.sha256(about.encode() + np.ascontiguousarray(policy.weights, "<f4").tobytes()).hexdigest()


def policy_id(sha256: str) -> int:
    """What the parameter policy.id says of a policy: the first 32 bits of its SHA-256."""
    return int(sha256[:8], 16)
