"""`robot practice` of the toy, as a person calls it."""

import json
import subprocess
import sys
from typing import Any

ROBOT = "from robot.cli import main; main()"


def figures_of(options: str) -> dict[str, Any]:
    """Run `robot practice` to its end."""
    done = subprocess.run(
        [sys.executable, "-c", ROBOT, "practice", *options.split(), "--json"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told
