"""A tensor in a notebook: what it is, what is in it, and how its memory lies."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from . import _elements
from ._errors import NdferryError
from ._html import escape, theme

if TYPE_CHECKING:
    from ._tensor import Tensor

STYLE = (
    theme(".ndferry-tensor")
    + """
.ndferry-tensor{font:13px/1.5 system-ui,sans-serif;color:var(--nf-text);background:var(--nf-ground);padding:8px 10px;border:1px solid var(--nf-line);border-radius:8px;max-width:940px}
.ndferry-tensor .nf-two{display:flex;flex-wrap:wrap;gap:10px 28px;align-items:flex-start}
.ndferry-tensor dl{display:grid;grid-template-columns:auto 1fr;gap:1px 14px;margin:0;min-width:0}
.ndferry-tensor dt{color:var(--nf-soft);font-weight:400}
.ndferry-tensor dd{margin:0;font:12px/1.65 ui-monospace,monospace;overflow-wrap:anywhere}
.ndferry-tensor pre{font:12px/1.45 ui-monospace,monospace;margin:10px 0 0;padding:8px 0 0;border:0;border-top:1px solid var(--nf-line);background:none;color:inherit;overflow-x:auto}
.ndferry-tensor svg{display:block;max-width:100%;height:auto}
.ndferry-tensor .nf-title{font-weight:600;margin-bottom:6px}
""".replace("\n", "")
)
_SHOWN = 6  # indices of an axis that are drawn
_CELL, _GAP, _LEFT, _TOP = 30, 4, 34, 24


def html(tensor: Tensor) -> str:
    """What `Tensor._repr_html_` gives."""
    rows = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in _facts(tensor))
    drawing = _drawing(tensor)
    return (
        f'<div class="ndferry-tensor"><style>{STYLE}</style><div class="nf-title">ndferry.Tensor</div>'
        f'<div class="nf-two"><dl>{rows}</dl>{drawing}</div><pre>{escape(_values(tensor))}</pre></div>'
    )


def _facts(tensor: Tensor) -> list[tuple[str, str]]:
    orders = [one for one in "CF" if tensor.is_contiguous(one)]
    return [
        ("dtype", tensor.dtype.name),
        ("shape", _tuple(tensor.shape)),
        ("strides", f"{_tuple(tensor.strides)} elements"),
        ("order", " and ".join(orders) + ", without gaps" if orders else "with gaps, or in another order"),
        ("size", _counted(tensor.size, "element") + ", " + _counted(tensor.nbytes, "byte")),
        ("memory", f"{tensor.device} {tensor.data_ptr:#x}" if tensor.data_ptr else f"{tensor.device}"),
        ("access", "read-only" if tensor.read_only else "writable"),
        ("doors", ", ".join(_doors(tensor)) or "none"),
    ]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _tuple(values: tuple[int, ...]) -> str:
    return "(" + ", ".join(map(str, values)) + ("," if len(values) == 1 else "") + ")"


def _doors(tensor: Tensor) -> list[str]:
    """The protocols by which others can take it."""
    return [name for name, opens in _DOORS.items() if _opens(opens, tensor)]


def _opens(opens: Any, tensor: Tensor) -> bool:
    try:
        return opens(tensor) is not None
    except (AttributeError, BufferError, TypeError, ValueError, NotImplementedError):
        return False


_DOORS = {
    "DLPack": lambda t: t.__dlpack__(max_version=(1, 3)),
    "DLPack before 1.0": lambda t: t.__dlpack__(),
    "array interface": lambda t: t.__array_interface__,
    "array struct": lambda t: t.__array_struct__,
    "buffer": lambda t: t.memoryview(),
}


def _values(tensor: Tensor) -> str:
    try:
        return _elements.describe(tensor)
    except NdferryError as error:  # of elements that cannot be read here
        return str(error)


def _drawing(tensor: Tensor) -> str:
    """The last two axes as a grid: every cell has the number of its place in memory, an arrow follows each stride."""
    if not tensor.size:
        return ""
    shape, strides = tensor.shape, tensor.strides
    rows, columns = [*shape][-2:] if len(shape) > 1 else [1, *shape] if shape else [1, 1]
    steps = [*strides][-2:] if len(strides) > 1 else [0, *strides] if strides else [0, 0]
    lowest = sum((n - 1) * step for n, step in zip((rows, columns), steps) if step < 0)
    parts = []
    xs, ys = _places(columns), _places(rows)
    for y, row in ys:
        for x, column in xs:
            parts.append(_cell(x, y, row, column, rows, columns, steps, lowest))
    width, height = _LEFT + xs[-1][0] + _CELL + 10, _TOP + ys[-1][0] + _CELL + 8
    parts += _arrows(len(shape), rows, columns, steps, xs, ys)
    caption = _caption(shape, strides)
    height += 18 if caption else 0
    if caption:
        parts.append(_text(4, height - 7, caption, "var(--nf-soft)", "start"))
        width = max(width, 8 + 6 * len(caption))
    label = f"Order in memory: shape {_tuple(shape)}, strides {_tuple(strides)}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(label)}" width="{width}" '
        f'height="{height}" viewBox="0 0 {width} {height}" font-family="ui-monospace,monospace" font-size="10">'
        f"<title>{escape(label)}</title>{''.join(parts)}</svg>"
    )


def _places(extent: int) -> list[tuple[int, int | None]]:
    """Where along an axis indices are drawn; None stands for those between."""
    if extent <= _SHOWN:
        indices: list[int | None] = list(range(extent))
    else:
        indices = [*range(_SHOWN - 2), None, extent - 1]
    return [(i * (_CELL + _GAP), index) for i, index in enumerate(indices)]


def _cell(
    x: int, y: int, row: int | None, column: int | None, rows: int, columns: int, steps: list[int], lowest: int
) -> str:
    if row is None or column is None:
        return _text(_LEFT + x + _CELL // 2, _TOP + y + _CELL // 2 + 4, "…", "var(--nf-soft)")
    place = row * steps[0] + column * steps[1] - lowest
    span = sum((n - 1) * abs(step) for n, step in zip((rows, columns), steps)) or 1
    # The further in memory, the fuller the colour: the eye follows it from the first element to the last.
    fullness = 0.08 + 0.32 * place / span
    box = (
        f'<rect x="{_LEFT + x}" y="{_TOP + y}" width="{_CELL}" height="{_CELL}" rx="4" fill="var(--nf-accent)" '
        f'fill-opacity="{fullness:.2f}" stroke="var(--nf-line)"/>'
    )
    return box + _text(_LEFT + x + _CELL // 2, _TOP + y + _CELL // 2 + 4, _short(place), "var(--nf-text)")


def _short(place: int) -> str:
    """A number in at most four characters, as far as that goes."""
    for limit, unit, sign in ((10**4, 1, ""), (10**6, 10**3, "k"), (10**9, 10**6, "M"), (10**12, 10**9, "G")):
        if place < limit:
            return f"{place / unit:.1f}{sign}" if sign and place < 10 * unit else f"{place // unit}{sign}"
    return f"{place:.0e}"


def _arrows(
    ndim: int,
    rows: int,
    columns: int,
    steps: list[int],
    xs: list[tuple[int, int | None]],
    ys: list[tuple[int, int | None]],
) -> list[str]:
    """Along each axis one that shows its stride; an axis of stride 0 goes nowhere in memory and is dashed."""
    arrows = []
    if ndim and columns > 1:
        end = _LEFT + xs[-1][0] + _CELL
        arrows.append(_arrow(_LEFT, 16, end, 16, steps[1]))
        arrows.append(_text((_LEFT + end) // 2, 10, _signed(steps[1]), "var(--nf-text)"))
    if ndim > 1 and rows > 1:
        end = _TOP + ys[-1][0] + _CELL
        arrows.append(_arrow(26, _TOP, 26, end, steps[0]))
        arrows.append(
            _text(
                20, (_TOP + end) // 2 + 4, _signed(steps[0]), "var(--nf-text)", "end", turn=len(_signed(steps[0])) > 3
            )
        )
    return arrows


def _signed(step: int) -> str:
    return f"+{step}" if step > 0 else f"−{-step}" if step < 0 else "0"


def _arrow(x1: int, y1: int, x2: int, y2: int, step: int) -> str:
    """It points to where addresses grow."""
    if step < 0:
        x1, y1, x2, y2 = x2, y2, x1, y1
    dashes = ' stroke-dasharray="3 3"' if not step else ""
    line = f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="var(--nf-accent)" stroke-width="1.5"{dashes}/>'
    if not step:
        return line
    dx, dy = (x2 > x1) - (x2 < x1), (y2 > y1) - (y2 < y1)
    left, right = (x2 - 6 * dx + 3 * dy, y2 - 6 * dy + 3 * dx), (x2 - 6 * dx - 3 * dy, y2 - 6 * dy - 3 * dx)
    head = f'<path d="M{x2} {y2}L{left[0]} {left[1]}L{right[0]} {right[1]}z" fill="var(--nf-accent)"/>'
    return line + head


def _text(x: int, y: int, text: str, colour: str, anchor: str = "middle", turn: bool = False) -> str:
    turned = f' transform="rotate(-90 {x} {y})"' if turn else ""
    anchor = "middle" if turn else anchor
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}"{turned}>{escape(text)}</text>'


def _caption(shape: tuple[int, ...], strides: tuple[int, ...]) -> str:
    """How many such grids there are, and how far apart they start."""
    if len(shape) < 3:
        return ""
    outer = list(zip(shape[:-2], strides[:-2]))
    told = ", ".join(f"{n} × {_signed(step)}" for n, step in outer[:4])
    more = ", …" if len(outer) > 4 else ""
    return f"{prod(shape[:-2]):,} such grid{'s' if prod(shape[:-2]) != 1 else ''}: {told}{more}"
