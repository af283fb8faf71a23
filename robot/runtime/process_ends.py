"""How a session's processes end by themselves: with one line of reason, and an exit status that says of which kind."""

import contextlib
import sys
from collections.abc import Iterator

WRONG = 2  # what it was told is wrong: starting it again does not help
GONE = 3  # a device cannot be reached
CANNOT_SAVE = 64  # this plus errno: its files have no place, and its last line may have had none either


@contextlib.contextmanager
def end_with_reason(name: str) -> Iterator[None]:
    """Turn what a user, a disk or a cable can cause into a line on stderr and an exit status; all else is a bug."""
    try:
        yield
    except ConnectionError as error:
        status, reason = GONE, str(error)
    except ValueError as error:
        status, reason = WRONG, str(error)
    except OSError as error:
        status, reason = CANNOT_SAVE + (error.errno or 0), str(error)
    else:
        return
    with contextlib.suppress(OSError):  # on a full disk there is no room for words; the status says it too
        print(f"{name}: {reason}", file=sys.stderr, flush=True)
    sys.exit(status)
