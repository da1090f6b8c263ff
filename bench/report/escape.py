"""Text in the languages of tables: LaTeX, Markdown and HTML print it as it stands, whatever it holds."""

from __future__ import annotations

import html
import re

from tsdm_bench.errors import printable

_BACKSLASH = r"\textbackslash{}"
_LATEX = {character: "\\" + character for character in "&%$#_{}"} | {
    "\\": _BACKSLASH, "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "|": r"\textbar{}", "<": r"\textless{}",
    ">": r"\textgreater{}", '"': "''", "`": r"\`{}", "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\dots{}",
    "†": r"$\dagger$", "‡": r"$\ddagger$", "°": r"$^\circ$", "µ": r"$\mu$",
}  # fmt: skip
_LATEX |= {
    character: rf"$\{name}$"
    for name, character in {
        "times": "×", "pm": "±", "infty": "∞", "to": "→", "uparrow": "↑", "downarrow": "↓", "cdot": "·", "le": "≤",
        "ge": "≥", "ne": "≠", "approx": "≈", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε",
        "zeta": "ζ", "eta": "η", "theta": "θ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν",
        "xi": "ξ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "upsilon": "υ", "phi": "φ", "chi": "χ",
        "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
        "Sigma": "Σ", "Upsilon": "Υ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω",
    }.items()
}  # fmt: skip
_LATEX |= {"−": "$-$", "²": "$^2$", "³": "$^3$"}
_KNOWN_TO_PDFLATEX = 0x17F
"""The last letter (Latin Extended-A) that LaTeX prints without packages."""
_MARKDOWN = re.compile(r"[\\`*|\[\]~$]|(?<![^\W_])_|_(?![^\W_])|&(?=\S)|<|>")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def latex_text(text: str) -> str:
    r"""LaTeX source that prints ``text`` as it stands; no command in it is run.

    Letters beyond Latin and Greek stay as they are: see :func:`beyond_pdflatex`.

    >>> latex_text(r"\input{a_b}")
    '\\textbackslash{}input\\{a\\_b\\}'
    """
    source = "".join(_LATEX.get(letter, letter) for letter in printable(text)).replace("--", "-{}-")
    return "{}" + source if source.startswith(("[", "*")) else source  # after \\ they would be its arguments


def beyond_pdflatex(source: str) -> str:
    """The letters of LaTeX source that take XeLaTeX or LuaLaTeX and a font that has them, each once."""
    return "".join(sorted({letter for letter in source if ord(letter) > _KNOWN_TO_PDFLATEX}))


def markdown_text(text: str) -> str:
    """Markdown that shows ``text`` as it stands, in a table as well.

    >>> markdown_text("a|b <i> *x* y_1")
    'a\\\\|b &lt;i&gt; \\\\*x\\\\* y_1'
    """
    return _MARKDOWN.sub(lambda found: _ENTITIES.get(found[0]) or "\\" + found[0], printable(text))


def html_text(text: str) -> str:
    """HTML that shows ``text`` as it stands."""
    return html.escape(printable(text))
