"""`pump completion`: what lets a shell complete verbs, options, components, files and pipelines."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

SHELLS = ("bash", "zsh", "fish")

EPILOG = """
examples:
  pump completion bash > ~/.local/share/bash-completion/completions/pump
  pump completion zsh > ~/.zfunc/_pump          with 'fpath+=~/.zfunc' before 'compinit' in ~/.zshrc
  pump completion fish > ~/.config/fish/completions/pump.fish
  eval "$(pump completion bash)"                for this shell only

It completes verbs and their options, names of components after 'pump list', and definitions where one is wanted.
exit code: 0 fine, 2 argcomplete is not installed (pip install 'bspump_like[tools]')
"""

_DEFINITIONS = (".json", ".yaml", ".yml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `pump completion`."""
    parser.add_argument("shell", choices=SHELLS, help="whose script to print")


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    print(_argcomplete().shellcode(["pump"], shell=options.shell))
    return 0


def answer(parser: argparse.ArgumentParser) -> None:
    """Answer the shell's question, which stands in the environment, and end the process.

    Args:
        parser: With the verb that stands on the line.

    Raises:
        MissingDependency: argcomplete is not installed.
    """
    for action in _actions(parser):
        completer = _COMPLETERS.get(action.metavar if isinstance(action.metavar, str) else "")
        if completer is not None and action.choices is None:
            action.completer = completer
    _argcomplete().autocomplete(parser, always_complete_options="long")


def _argcomplete() -> Any:
    from ..errors import needs

    with needs("tools"):
        import argcomplete
    return argcomplete


def _actions(parser: argparse.ArgumentParser) -> Iterable[Any]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from _actions(below)


def _components(prefix: str, **_more: Any) -> list[str]:
    from ..builder.registry import announced_components, own_components

    known = {**announced_components(), **own_components()}
    folders = {module.split(".")[1] for module in known.values() if module.count(".")}
    kinds = {"source", "processor", "generator", "sink", "lookup", "connection", "trigger", "matrix", "pipeline"}
    return sorted(name for name in {*known, *folders, *kinds} if name.startswith(prefix))


def _definitions(prefix: str, **_more: Any) -> list[str]:
    """Return the definitions and folders whose paths begin with `prefix`."""
    folder = Path(prefix[: prefix.rfind("/") + 1] or ".")
    lead = prefix[: prefix.rfind("/") + 1]
    found = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.name.startswith("."):
                found.append(f"{lead}{path.name}/")
            elif path.name.endswith(_DEFINITIONS):
                found.append(f"{lead}{path.name}")
    return sorted(one for one in found if one.startswith(prefix))


_COMPLETERS: dict[str, Callable[..., list[str]]] = {
    "DEFINITION": _definitions, "FROM": _definitions, "TO": _definitions, "NAME": _components,
}  # fmt: skip
"""What the help calls an argument -> what may stand there."""
