"""Write the tables of functions and tags into docs/how-to/expressions.md, from the code. `--check` fails if they are old."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from bspump_like.declarative.builder import known_tags
from bspump_like.expression.functions import FUNCTIONS, GROUPS

PAGE = Path(__file__).resolve().parent.parent / "docs" / "how-to" / "expressions.md"
_SECTION = r"(<!-- {name}[^\n]*-->\n).*?(<!-- end -->)"


def functions() -> str:
    """Return the tables of functions, one for each group."""
    lines: list[str] = []
    for group in GROUPS:
        lines += ["", f"### {group}", "", "| function | gives | example |", "| --- | --- | --- |"]
        for one in FUNCTIONS.values():
            if one.group == group:
                expression, _, value = one.example.partition(" -> ")
                lines.append(f"| `{_cell(one.usage)}` | {_cell(one.help)} | `{_cell(expression)}` is `{_cell(value)}` |")
    return "\n".join([*lines, "", ""])


def tags() -> str:
    """Return the list of tags."""
    return f"Tags: {', '.join(f'`!{name}`' for name in known_tags())}.\n"


def page(text: str) -> str:
    """Return the page with its tables as they should be."""
    for name, made in (("functions", functions()), ("tags", tags())):
        escaped = made.replace("\\", r"\\")
        text = re.sub(_SECTION.format(name=name), rf"\g<1>{escaped}\g<2>", text, flags=re.DOTALL)
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or with `--check` only look."""
    text = PAGE.read_text(encoding="utf-8")
    made = page(text)
    if "--check" in sys.argv:
        return int(text != made)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
