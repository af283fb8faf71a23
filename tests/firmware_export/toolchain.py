"""Marks for tests that need a compiler or emulator which pip cannot install; `make test` installs them where it may."""

import shutil

import pytest


def needs(program: str, debian_packages: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"no {program}; install it (Debian: apt-get install {debian_packages})"
    )


needs_arm_gcc = needs("arm-none-eabi-gcc", "gcc-arm-none-eabi libnewlib-arm-none-eabi")
needs_clang = needs("clang", "clang")
needs_qemu = needs("qemu-system-arm", "qemu-system-arm")
