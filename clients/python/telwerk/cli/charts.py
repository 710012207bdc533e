"""Small charts of counts, in characters of one cell each."""

from collections.abc import Sequence

_EIGHTHS = "▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_ZERO = "·"


def bar(count: float, count_max: float, width: int) -> str:
    """A horizontal bar, `width` cells long for `count_max`. Anything above 0 shows."""
    if count <= 0 or count_max <= 0:
        return ""
    eighths = max(1, round(count * width * 8 / count_max))
    whole, rest = divmod(eighths, 8)
    return _EIGHTHS[-1] * whole + (_EIGHTHS[rest - 1] if rest else "")


def sparkline(counts: Sequence[int], width: int) -> str:
    """A cell per count; with more counts than `width`, a cell for the sum of several. Zero is a dot."""
    if not counts:
        return ""
    step = -(-len(counts) // width)
    sums = [sum(counts[index : index + step]) for index in range(0, len(counts), step)]
    top = max(sums)
    return "".join(_ZERO if count <= 0 else _LEVELS[-(-count * len(_LEVELS) // top) - 1] for count in sums)
