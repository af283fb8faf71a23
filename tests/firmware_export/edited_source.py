"""C with a fault put into it, for the proof to find."""

import dataclasses
from typing import Any

import pytest

from firmware_export import verify as verify_module
from firmware_export.c_source import CSource, Kernel, c_source
from firmware_export.network import Network
from firmware_export.verify import Verification, verify


def verify_edited(monkeypatch: pytest.MonkeyPatch, network: Network, old: str, new: str, **how: Any) -> Verification:
    """What `verify` finds of a network's C in which a piece of text is another."""

    def source(network: Network, kernel: Kernel) -> CSource:
        whole = c_source(network, kernel)
        assert old in whole.code
        return dataclasses.replace(whole, code=whole.code.replace(old, new))

    monkeypatch.setattr(verify_module, "c_source", source)
    return verify(network, **how)
