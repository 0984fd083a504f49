"""Diagrams of pumps as text: for Mermaid, for Graphviz, for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .diagram import Arrow, Diagram, Node

_SHAPES = {
    "source": ('(["', '"])'), "processor": ('["', '"]'), "sink": ('[["', '"]]'), "lookup": ('[("', '")]'),
    "connection": ('{{"', '"}}'), "matrix": ('[/"', '"/]'),
}  # fmt: skip
_MERMAID_ARROWS = {"next": "-->", "link": "==>", "error": "-. error .->", "uses": "-.->"}
_DOT_SHAPES = {
    "source": "cds", "processor": "box", "sink": "box3d", "lookup": "cylinder", "connection": "hexagon", "matrix": "folder",
}  # fmt: skip
_DOT_STYLES = {
    "next": "", "link": "style=bold", "error": "style=dashed color=red fontcolor=red", "uses": "style=dotted arrowhead=none",
}  # fmt: skip


class _Names:
    """Names for nodes that a language takes, the same for an address each time."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def of(self, address: str) -> str:
        if address not in self._names:
            readable = re.sub(r"\W+", "_", address).strip("_")
            self._names[address] = f"n{len(self._names)}_{readable}"
        return self._names[address]


def mermaid(drawn: Diagram) -> str:
    """Return a flowchart for Mermaid, which Markdown on code hosts shows."""
    names, lines = _Names(), ["flowchart LR"]
    for number, (id, nodes) in enumerate(drawn.pipelines.items()):
        lines.append(f'  subgraph p{number}["{_quoted(id)}"]')
        lines += [f"    {_mermaid_node(node, names)}" for node in nodes]
        lines += [f"    {_mermaid_arrow(arrow, names)}" for arrow in _within(drawn, nodes)]
        lines.append("  end")
    lines += [f"  {_mermaid_node(node, names)}" for node in drawn.shared]
    numbers = {id: f"p{number}" for number, id in enumerate(drawn.pipelines)}
    lines += [f"  {_mermaid_arrow(arrow, names, numbers)}" for arrow in _between(drawn)]
    return "\n".join(lines) + "\n"


def _mermaid_node(node: Node, names: _Names) -> str:
    opening, closing = _SHAPES[node.kind]
    return f"{names.of(node.address)}{opening}{_quoted(node.label)}{closing}"


def _mermaid_arrow(arrow: Arrow, names: _Names, pipelines: dict[str, str] | None = None) -> str:
    start = (pipelines or {}).get(arrow.start) or names.of(arrow.start)
    sign = _MERMAID_ARROWS[arrow.kind]
    label = f'|"{_quoted(arrow.label)}"|' if arrow.label and arrow.kind == "link" else ""
    return f"{start} {sign}{label} {names.of(arrow.end)}"


def _quoted(text: str) -> str:
    """Return text for between Mermaid's quotation marks, with its own as entities."""
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;").replace("\n", " ")


def dot(drawn: Diagram) -> str:
    """Return a graph for Graphviz."""
    lines = ["digraph pump {", "  rankdir=LR compound=true", '  node [fontname="sans-serif" fontsize=11]',
             '  edge [fontname="sans-serif" fontsize=9]']  # fmt: skip
    for number, (id, nodes) in enumerate(drawn.pipelines.items()):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_text(id)} style=rounded"]
        lines += [f"    {_dot_node(node)}" for node in nodes]
        lines += [f"    {_dot_arrow(arrow, drawn)}" for arrow in _within(drawn, nodes)]
        lines.append("  }")
    lines += [f"  {_dot_node(node)}" for node in drawn.shared]
    lines += [f"  {_dot_arrow(arrow, drawn)}" for arrow in _between(drawn)]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_node(node: Node) -> str:
    return f"{_text(node.address)} [label={_text(node.label)} shape={_DOT_SHAPES[node.kind]}]"


def _dot_arrow(arrow: Arrow, drawn: Diagram) -> str:
    start, attributes = arrow.start, [_DOT_STYLES[arrow.kind]]
    if drawn.pipelines.get(start):
        # An arrow from a whole pipeline: Graphviz draws it from one of its nodes and clips it at the frame.
        attributes.append(f"ltail=cluster_{list(drawn.pipelines).index(start)}")
        start = drawn.pipelines[start][-1].address
    if arrow.label:
        attributes.append(f"label={_text(arrow.label)}")
    given = " ".join(filter(None, attributes))
    return f"{_text(start)} -> {_text(arrow.end)}" + (f" [{given}]" if given else "")


def _text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'


def plain(drawn: Diagram) -> str:
    """Return the pipelines as indented lines, for the terminal."""
    return "\n".join(_plain(drawn)) + "\n"


def _plain(drawn: Diagram) -> Iterator[str]:
    for id, nodes in drawn.pipelines.items():
        yield id
        for node in nodes:
            mark = {"source": ">", "sink": "="}.get(node.kind, "|")
            yield f"  {mark} {node.label}{''.join(_said(node.address, drawn))}"
        for said in _said(id, drawn):
            yield f"  {said.strip()}"
    for node in drawn.shared:
        users = [arrow.end if arrow.start == node.address else arrow.start for arrow in _of(drawn, node.address)]
        yield f"{node.kind} {node.label}: {', '.join(users) or 'nobody uses it'}"


def _said(address: str, drawn: Diagram) -> Iterator[str]:
    for arrow in drawn.arrows:
        if arrow.start == address and arrow.kind in ("link", "error"):
            label = f" ({arrow.label})" if arrow.label else ""
            yield f"  {'on error ' if arrow.kind == 'error' else ''}-> {arrow.end}{label}"


def _of(drawn: Diagram, address: str) -> Iterator[Arrow]:
    return (arrow for arrow in drawn.arrows if arrow.kind == "uses" and address in (arrow.start, arrow.end))


def _within(drawn: Diagram, nodes: list[Node]) -> Iterator[Arrow]:
    addresses = {node.address for node in nodes}
    return (arrow for arrow in drawn.arrows if arrow.kind == "next" and arrow.start in addresses)


def _between(drawn: Diagram) -> Iterator[Arrow]:
    return (arrow for arrow in drawn.arrows if arrow.kind != "next")
