"""A section of a Markdown file that is written anew by one program, while others write the rest."""

from __future__ import annotations

import pathlib
import re


def replace_section(path: pathlib.Path, title: str, text: str) -> None:
    """Put a text under the heading `# title`; append both when there is none. Other sections stay as they are."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    section = f"# {title}\n\n{text.strip()}\n"
    found = re.search(rf"^# {re.escape(title)}\n.*?(?=^# |\Z)", old, re.MULTILINE | re.DOTALL)
    if found:
        new = old[: found.start()] + section + ("\n" if old[found.end() :] else "") + old[found.end() :]
    else:
        new = f"{old.rstrip()}\n\n{section}" if old.strip() else section
    path.write_text(new, encoding="utf-8")
