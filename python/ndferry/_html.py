"""What all HTML of this package shares: escaping, colours for light and dark, whole pages without anything from elsewhere."""

from __future__ import annotations

from html import escape as _escape


def escape(text: object) -> str:
    """Text as HTML shows it. Characters that no document may hold are replaced."""
    shown = "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in str(text))
    return _escape(shown, quote=True)


# The colours of meaning keep a contrast of at least 4.5:1 with text on them, in both modes.
LIGHT = {
    "ground": "#ffffff", "panel": "#f6f7f9", "line": "#d8dce3", "text": "#1b2430", "soft": "#5a6675", "accent": "#1d5fbf",
    "good": "#d3f2dd", "good-text": "#0b5a2b", "fair": "#d9e8fb", "fair-text": "#143f7c", "poor": "#fff1c9",
    "poor-text": "#6b4a00", "bad": "#ffdad6", "bad-text": "#8c1410", "worst": "#8c1410", "worst-text": "#ffffff",
    "none": "#eef0f3", "none-text": "#5a6675",
}  # fmt: skip
DARK = {
    "ground": "#12161c", "panel": "#1a2028", "line": "#323b48", "text": "#e4e9f0", "soft": "#9ba8b8", "accent": "#7fb2ff",
    "good": "#123d24", "good-text": "#a5e9bd", "fair": "#16335c", "fair-text": "#b4d3ff", "poor": "#453507",
    "poor-text": "#f5dc92", "bad": "#571c19", "bad-text": "#ffc2bb", "worst": "#ffb4ab", "worst-text": "#4a0805",
    "none": "#1f262f", "none-text": "#9ba8b8",
}  # fmt: skip


def _variables(colours: dict[str, str]) -> str:
    return ";".join(f"--nf-{name}:{value}" for name, value in colours.items())


def theme(selector: str) -> str:
    """The colours as variables, for whatever `selector` picks. Notebooks say by themselves that they are dark."""
    dark = _variables(DARK)
    notebooks = ('[data-jp-theme-light="false"]', 'body[data-vscode-theme-kind*="dark"]', 'html[theme="dark"]')
    inside = ",".join(f"{one} {selector}" for one in notebooks)
    return (
        f"{selector}{{{_variables(LIGHT)};color-scheme:light dark}}"
        f"@media(prefers-color-scheme:dark){{{selector}{{{dark}}}}}"
        f'[data-jp-theme-light="true"] {selector},body[data-vscode-theme-kind="vscode-light"] {selector}'
        f"{{{_variables(LIGHT)}}}{inside}{{{dark}}}"
    )


def page(title: str, style: str, body: str, script: str = "") -> str:
    """A document that needs nothing else, and may load nothing else."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{theme(':root')}{style}</style>\n</head>\n<body>\n{body}\n"
        + (f"<script>{script}</script>\n" if script else "")
        + "</body>\n</html>\n"
    )
