"""Tasks that end in every way a task can, for the tests of bench/gpu/isolate.py."""

import os
import signal
import sys
import time

from bench.gpu.isolate import Refused


def well(argument):
    yield "argument", argument
    yield "endless", float("inf")


def refuses(_):
    yield "before", 1
    raise Refused("not here")


def raises(_):
    yield "before", 1
    raise ValueError("wrong")


def crashes(_):
    yield "before", 1
    os.kill(os.getpid(), signal.SIGSEGV)


def leaves(_):
    yield "before", 1
    print("last words", flush=True)
    os._exit(7)


def hangs(_):
    yield "before", 1
    time.sleep(600)


def leaves_a_child_behind(file):
    import subprocess

    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield "child", child.pid
    time.sleep(600)
