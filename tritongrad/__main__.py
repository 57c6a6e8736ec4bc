"""python -m tritongrad: the demo, or one of the commands below."""

from __future__ import annotations

import sys
from collections.abc import Callable


def demo(words: list[str]) -> int:
    """train a network, check its gradient, measure, draw: all in a few seconds"""
    from . import demo

    return demo.main()


def info(words: list[str]) -> int:
    """what a bug report needs: versions, the machine, the device or why there is none"""
    from . import info

    return info.main()


def ops(words: list[str]) -> int:
    """the operations; `ops --write README.md` brings the table in a file up to date"""
    from . import optable

    return optable.main(words)


def draw(words: list[str]) -> int:
    """`draw program.py [graph.svg]`: run it to its first backward and draw that graph"""
    from . import capture

    return capture.main(words)


def bench(words: list[str]) -> int:
    """measure a checkout beside PyTorch and NumPy; `bench --help` names the groups"""
    from . import benches

    return benches.main(words)


COMMANDS: dict[str, Callable[[list[str]], int]] = {
    command.__name__: command for command in (demo, info, ops, draw, bench)
}


def main(words: list[str]) -> int:
    """The exit status of `python -m tritongrad words`."""
    name, rest = (words[0], words[1:]) if words else ("demo", [])
    if name in ("-h", "--help", "help"):
        print(usage())
        return 0
    if name not in COMMANDS or (rest and name in ("demo", "info")):
        said = " ".join(words)
        print(f"python -m tritongrad: {said!r} is not a command\n{usage()}", file=sys.stderr)
        return 2
    return COMMANDS[name](rest)


def usage() -> str:
    """What can be asked for."""
    rows = [f"  {name:<8}{command.__doc__}" for name, command in COMMANDS.items()]
    return "\n".join(["usage: python -m tritongrad [command]   (demo, if none is given)", *rows])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
        sys.exit(0)
