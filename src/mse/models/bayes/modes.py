"""The totals on which the draws of a posterior pile up."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["in_words", "modes_of"]

type Array = NDArray[np.float64]

DEEP, SMALLEST_MODE = 0.5, 0.03


def modes_of(log_hidden: Array, n_observed: int) -> list[tuple[float, float]]:
    """Totals on which draws pile up, and the share of them around each; log hidden persons per person seen, any shape.

    Two peaks of a smoothed histogram of log hidden persons are two modes when the density between them falls to half
    of the lower one, and each has 3 % of the draws.
    """
    values = log_hidden.ravel()
    low, high = np.quantile(values, [0.002, 0.998])
    edges = np.linspace(low - 0.5, high + 0.5, 201)
    width = edges[1] - edges[0]
    bandwidth = max(
        0.9 * min(values.std(), np.ptp(np.quantile(values, [0.25, 0.75])) / 1.34) / len(values) ** 0.2, width
    )
    around = np.arange(-60, 61) * width
    kernel = np.exp(-((around / bandwidth) ** 2) / 2)
    density = np.convolve(np.histogram(values, edges)[0], kernel / kernel.sum(), mode="same")
    middles = (edges[:-1] + edges[1:]) / 2
    peaks = [i for i in range(1, 199) if density[i] > density[i - 1] and density[i] >= density[i + 1]]
    while len(peaks) > 1:
        cuts = [a + int(np.argmin(density[a : b + 1])) for a, b in itertools.pairwise(peaks)]
        bounds = [-np.inf, *middles[cuts], np.inf]
        shares = [float(((values > a) & (values <= b)).mean()) for a, b in itertools.pairwise(bounds)]
        weak = [
            min(density[peaks[i]], density[peaks[i + 1]]) * DEEP < density[cut]
            or min(shares[i : i + 2]) < SMALLEST_MODE
            for i, cut in enumerate(cuts)
        ]
        if not any(weak):
            return [(n_observed * (1 + float(np.exp(middles[i]))), s) for i, s in zip(peaks, shares, strict=True)]
        i = weak.index(True)
        peaks.pop(i if density[peaks[i]] < density[peaks[i + 1]] else i + 1)
    return [(n_observed * (1 + float(np.exp(middles[i]))), 1.0) for i in peaks]


def in_words(modes: Sequence[tuple[float, float]]) -> str:
    """The modes as a sentence names them."""
    return " and ".join(f"near {total:,.0f} ({100 * share:.0f} % of the draws)" for total, share in modes)
