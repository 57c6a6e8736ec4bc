"""`backends.mps`: Apple's GPUs are not supported."""


def is_available() -> bool:
    """False: Apple's GPUs are not supported."""
    return False


is_built = is_available
