"""What the site makes of the pages: tables from the cards, formulas without a network, links that stay in the site."""

from __future__ import annotations

import base64
import io
import json
import os
import re
from pathlib import Path
from typing import Any

from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import math_to_image
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
CARDS = re.compile(r"<!-- cards (\w+): ([\w, ]+) -->")
FORMULA = re.compile(r"(?<![\\`$\w])\$([^$\n`]+)\$(?!\w)")
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
FRACTION = re.compile(r"\\tfrac\s*(\w)\s*(\w)")
PAGE = re.compile(r"<!-- page ([\w./]+) -->")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
OUT = re.compile(r"\[([^\]]+)\]\((?:\.\./)+([\w./-]+)(#[\w-]+)?\)")
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "adding.md",
    "CHANGELOG.md": "changes.md",
    **{f"fusion/weights/{name}.md": "weights.md" for name in ("tsdm_lite", "tsdm_student", "tsdm_teacher")},
    "detectors/weights/yolov5p_synthetic.md": "weights.md",
}
"""Pages of the repository that the site has under another name."""
ROLE = re.compile(r":(?:class|func|meth|mod|data|attr):(<code>)~?")


def on_files(files: Any, config: Any) -> Any:
    """The notebook becomes a page; its cells are run by tests/docs/test_notebook.py."""
    files.append(File.generated(config, "notebook.md", content=notebook_page(ROOT / "docs" / "notebook.ipynb")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Tables of cards, formulas as pictures, links out of the docs as what they name."""
    text = PAGE.sub(lambda found: page_of_the_repository(found[1]), markdown)
    if page.file.src_uri != "notebook.md":
        text = text.replace("](notebook.ipynb)", "](notebook.md)")
    text = CARDS.sub(lambda found: table_of_cards(found[1], found[2]), text)
    text = OUT.sub(lambda found: _link(found[1], found[2], page.file.src_uri), text)
    parts = CODE.split(text)
    return "".join(part if index % 2 else FORMULA.sub(_formula, part) for index, part in enumerate(parts))


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Docstrings name things by the roles of Sphinx; a reader sees the name."""
    return ROLE.sub(r"\1", html)


def table_of_cards(kind: str, columns: str) -> str:
    """A Markdown table of all cards of a kind."""
    from bench.cli.list import cards_of
    from bench.columns import as_markdown

    return as_markdown(cards_of(kind), tuple(column.strip() for column in columns.split(",")))


def page_of_the_repository(path: str) -> str:
    """A page that lies outside of docs, with its links as they are seen from docs."""
    folder = (ROOT / path).parent

    def seen_from_docs(found: re.Match[str]) -> str:
        target = Path(os.path.relpath(folder / found[1], ROOT / "docs")).as_posix()
        return f"]({target}"

    return LINK.sub(seen_from_docs, (ROOT / path).read_text(encoding="utf-8"))


def notebook_page(path: Path) -> str:
    """The cells of a notebook as Markdown."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    parts.insert(1, "[The notebook itself](notebook.ipynb), without results: run it to see them.")
    return "\n\n".join(parts)


def _link(text: str, path: str, page: str) -> str:
    if path in PAGES:
        return f"[{text}]({'../' * page.count('/')}{PAGES[path]})"
    return f"{text} (`{path}` in the repository)" if path not in text else text


def _formula(found: re.Match[str]) -> str:
    """A formula as an SVG picture by matplotlib, which knows \\frac and \\geq only by these names."""
    latex = FRACTION.sub(r"\\frac{\1}{\2}", found[1]).replace(r"\ge0", r"\geq 0")
    picture = io.BytesIO()
    math_to_image(f"${latex}$", picture, prop=FontProperties(size=9), format="svg")
    data = base64.b64encode(picture.getvalue()).decode()
    alt = found[1].replace('"', "'").replace("|", "&#124;").replace("<", "&lt;")
    return f'<img class="formula" alt="{alt}" src="data:image/svg+xml;base64,{data}">'
