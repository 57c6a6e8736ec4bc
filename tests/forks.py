"""Work in a forked child, which has one thread and what the parent had in memory."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable


def holds_in_a_child(work: Callable[[], bool], seconds: int) -> bool:
    """Whether work() is true there, within so many seconds."""
    gc.collect()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        answer = b"wrong"
        signal.alarm(seconds)  # a child that waits for threads it has not got ends
        try:
            if work():
                answer = b"right"
        finally:
            os.write(writer, answer)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer == b"right"
