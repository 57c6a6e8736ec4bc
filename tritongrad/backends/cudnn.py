"""`backends.cudnn`: there is no cuDNN here; the switches are kept and change nothing."""

enabled = False
benchmark = False
deterministic = True  # every kernel gives the same bits each time
allow_tf32 = False


def is_available() -> bool:
    """False: there is no cuDNN here."""
    return False


def version() -> None:
    """None: there is no cuDNN here."""
