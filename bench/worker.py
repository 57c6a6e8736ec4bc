"""A peer in its own process: prepares units and times them on request, one JSON object a line.

Started by driver.py as `PYTHON -c "from bench.worker import serve; ..."`, so that it runs under an
interpreter that has the peer and nothing of tritongrad's.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import data

REPEAT = 2e-3  # seconds that a repeat lasts at least: long beside a clock's grain, short beside
# the time for which a busy machine leaves a process alone
FORGET = ""  # the unit that frees what the others hold
NAP, NAPS = 0.01, 50  # seconds after which a process that waits for its threads looks at them again
PATIENCE = 4  # times the seconds of a unit, after which fewer than three repeats will do


def serve(peer: str, folder: str, threads: int, device: str = "cpu") -> None:
    """Answer requests until the input ends."""
    make, checksum, wait, version = peer_of(peer, Path(folder), threads, device)
    ready: dict[str, tuple] = {}
    answer({"version": version, "units": sorted(make)})
    for line in sys.stdin:
        request = json.loads(line)
        name = request["unit"]
        if name == FORGET:
            ready.clear()
            answer({})
            continue
        try:
            if name not in ready:
                ready[name] = prepared(make[name](), checksum, wait)
            work, calls, found = ready[name]
            figures = timed(work, calls, request["seconds"], wait)
            rest()
            answer({"check": found, **figures})
        except Exception as error:  # the driver reports it and goes on
            answer({"error": f"{type(error).__name__}: {error}"})


def answer(message: dict) -> None:
    print(json.dumps(message), flush=True)


def prepared(work: Callable, checksum: Callable, wait: Callable) -> tuple:
    """The function, how many calls make a repeat, and the checksum of its first result."""
    found = checksum(work())
    calls = 1
    while True:
        start = time.perf_counter()
        for _ in range(calls):
            work()
        wait()
        if time.perf_counter() - start >= REPEAT or calls >= 1 << 16:
            return work, calls, found
        calls *= 2


def timed(work: Callable, calls: int, seconds: float, wait: Callable) -> dict:
    """The least wall and processor time of a call, over repeats that last so many seconds."""
    walls, processors = [], []
    begin = time.perf_counter()
    while True:
        used, start = time.process_time(), time.perf_counter()
        for _ in range(calls):
            work()
        wait()
        walls.append((time.perf_counter() - start) / calls)
        processors.append((time.process_time() - used) / calls)
        spent = time.perf_counter() - begin
        if spent >= seconds and (len(walls) >= 3 or spent >= PATIENCE * seconds):
            return {"wall": min(walls), "processor": min(processors), "repeats": len(walls)}


def rest() -> None:
    """Wait until this process's threads sleep: BLAS's look for work for a tenth of a second, which
    would be in the way of whoever is timed next."""
    for _ in range(NAPS):
        used = time.process_time()
        time.sleep(NAP)
        if time.process_time() - used < NAP / 4:
            return


def nothing() -> None:
    """On the CPU there is nothing to wait for."""


def numpy_peer(folder: Path, threads: int, device: str) -> tuple:
    """Plain NumPy; its BLAS got its thread count from the environment."""
    import numpy as np

    from bench import by_hand

    def load(name: str) -> Any:
        kind = np.int64 if name in data.LABELS else np.float32
        return np.frombuffer(data.read(folder, name), kind).reshape(data.SHAPES[name])

    return by_hand.makers(load), by_hand.checksum, nothing, f"NumPy {np.__version__}"


def tritongrad_peer(folder: Path, threads: int, device: str) -> tuple:
    """The library of this checkout."""
    import numpy as np

    import tritongrad as tg
    from bench import work

    tg.set_num_threads(threads)

    def load(name: str) -> Any:
        kind = np.int64 if name in data.LABELS else np.float32
        values = np.frombuffer(data.read(folder, name), kind).reshape(data.SHAPES[name])
        return tg.tensor(values, device=device)

    wait = tg.cuda.synchronize if device == "cuda" else nothing
    version = f"tritongrad {tg.__version__}"
    if device == "cpu" and os.environ.get("TRITONGRAD_FAST") == "1":
        version += f" with numba {importlib.metadata.version('numba')}"
    return work.makers(tg, load, device), work.checksum, wait, version


def torch_peer(folder: Path, threads: int, device: str) -> tuple:
    """PyTorch in eager mode."""
    torch = importlib.import_module("torch")  # in its own interpreter

    from bench import work

    torch.set_num_threads(threads)

    def load(name: str) -> Any:
        kind = torch.int64 if name in data.LABELS else torch.float32
        values = torch.frombuffer(data.read(folder, name), dtype=kind)
        return values.reshape(data.SHAPES[name]).clone().to(device)

    wait = torch.cuda.synchronize if device == "cuda" else nothing
    return work.makers(torch, load, device), work.checksum, wait, f"PyTorch {torch.__version__}"


def peer_of(peer: str, folder: Path, threads: int, device: str) -> tuple:
    """A peer's units, its checksum, how to wait for its device, and its version."""
    data.use(folder)
    return PEERS[peer](folder, threads, device)


PEERS = {
    "numpy": numpy_peer,
    "tritongrad": tritongrad_peer,
    "tritongrad[fast]": tritongrad_peer,
    "torch": torch_peer,
}
