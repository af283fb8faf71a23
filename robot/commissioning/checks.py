"""A check of a computer or a device: what was looked at, whether it is well, and what to do if not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """found: what is there, for a person. remedy: what to do; empty where all is well."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
