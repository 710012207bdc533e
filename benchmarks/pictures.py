"""The curves as SVG, by matplotlib; the same numbers give the same bytes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "telwerk", "svg.fonttype": "none", "font.size": 9})

from matplotlib import pyplot as plt  # noqa: E402  # after the choice of what it draws with


def draw(curves: Sequence[Mapping[str, Any]], folder: Path) -> list[str]:
    """Draws a file for each picture that the curves name; gives the files' names."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(curve["picture"] for curve in curves))
    for name in names:
        _draw(folder / f"{name}.svg", [curve for curve in curves if curve["picture"] == name])
    return [f"{name}.svg" for name in names]


def _draw(file: Path, curves: Sequence[Mapping[str, Any]]) -> None:
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for curve in curves:
        axes.plot(curve["xs"], curve["ys"], marker="o", label=f"{curve['name']} (x^{curve['exponent']:.2f})")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel(curves[0]["x"])
    axes.set_ylabel(curves[0]["unit"])
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
