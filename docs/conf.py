"""The documentation as a site: `make site`. Builds without the network; every warning is an error."""

import importlib.metadata
import re

project = "bspump_like"
author = "the bspump_like authors"
release = version = importlib.metadata.version("bspump_like")
html_title = f"{project} {release}"

extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["_build"]
source_suffix = {".md": "markdown"}

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
myst_links_external_new_tab = True
suppress_warnings = ["misc.highlighting_failure"]  # Jinja-like templates within YAML
language = "en"

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"sidebar_hide_name": False}


_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+)([^)]*)\)")
_SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
_PAGE = re.compile(r"\]\(([\w/-]+)\.md(?:#[^)]*)?\)")


def _prepare(app, docname, source):
    """Turn Markdown that reads well in the repository into what a site needs.

    The lists of links in an index become the navigation; a link that leaves docs/ becomes the path of the file.
    """
    depth = docname.count("/")

    def leaves(link):
        text, up, path = link.groups()
        return link[0] if up.count("../") <= depth else f"{text} (`{path}` in the repository)"

    text = _LINK.sub(leaves, source[0])
    if docname.rpartition("/")[2] == "index":
        head, *sections = _SECTION.split(text)
        text, seen = head, set()
        if depth:  # of the reference: one list
            sections, text = ["", text, *sections], ""
        for caption, body in zip(sections[::2], sections[1::2], strict=True):
            pages = [page for page in dict.fromkeys(_PAGE.findall(body)) if page not in seen]
            seen.update(pages)
            title = f"## {caption}" if caption else ""
            tree = "\n".join(
                ["```{toctree}", ":hidden:", f":caption: {caption}" if caption else ":maxdepth: 1", "", *pages, "```"]
            )
            text += f"{title}{body}\n{tree}\n\n" if pages else f"{title}{body}"
    source[0] = text


def setup(app):
    """Register what this file does itself."""
    app.connect("source-read", _prepare)
    return {"parallel_read_safe": True}
