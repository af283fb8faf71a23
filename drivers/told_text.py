"""Text that a device, or whoever sends in its name, tells of itself."""


def told_text(data: bytes) -> str:
    """What ASCII bytes say up to the first zero byte, in one line; what a terminal would obey, or nobody can read, as U+FFFD."""
    text = data.split(b"\0")[0].decode("ascii", "replace")
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
