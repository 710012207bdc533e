"""The array type of counting."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

IntArray: TypeAlias = npt.NDArray[np.int64]
"""Counts, places or instants: integers of 64 bits."""
