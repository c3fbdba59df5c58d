"""What an expert believes before the lists are compared, from quantiles: of N, or of one list's capture probability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import least_squares

from mse.errors import BadInput

__all__ = ["ExpertPrior", "elicit_prior"]

type Array = NDArray[np.float64]

READ_AT = (0.05, 0.25, 0.5, 0.75, 0.95)
# Probability between what was said and the nearest distribution of the family, at the worst quantile.
LARGEST_MISFIT = 0.1


@runtime_checkable
class Elicited(Protocol):
    """A distribution that was fitted elsewhere, in PreliZ or SciPy: whatever answers quantiles."""

    def ppf(self, q: Array) -> Array: ...


@dataclass(frozen=True, slots=True)
class ExpertPrior:
    """A belief about the population, with the name of who holds it.

    Attributes
    ----------
    quantiles : tuple of (float, float)
        What was said: level and value, persons or a probability.
    source : str
        Who believes it, and on what grounds; printed with every estimate that rests on it.
    list : str or None
        The list whose capture probability it is about; None for N.
    parameters : tuple of float
        Mean and standard deviation of log N (log-normal), or both shapes of a beta distribution.
    misfit : float
        Largest difference in probability between what was said and this distribution.
    """

    quantiles: tuple[tuple[float, float], ...]
    source: str
    list: str | None
    parameters: tuple[float, float]
    misfit: float

    @property
    def about(self) -> str:
        """What it is a belief about, as a sentence names it."""
        return "N" if self.list is None else f"the capture probability of {self.list}"

    def log_density(self, x: Array) -> Array:
        """Log density at values of any shape."""
        return np.asarray(_family(self.list, self.parameters).logpdf(x))

    def quantile(self, levels: Array) -> Array:
        """Values below which these shares of the belief lie."""
        return np.asarray(_family(self.list, self.parameters).ppf(levels))

    def share_below(self, x: float) -> float:
        """Probability of a value below x."""
        return float(_family(self.list, self.parameters).cdf(x))

    def in_words(self) -> str:
        """The belief as a sentence: what was said, by whom, and what was made of it."""
        told = ", ".join(f"{100 * level:g} % below {_shown(value)}" for level, value in self.quantiles)
        low, high = self.quantile(np.array([0.025, 0.975]))
        family = "log-normal" if self.list is None else "beta"
        text = f"on {self.about} ({self.source}): {told}; {family}, 95 % between {_shown(low)} and {_shown(high)}"
        return text if self.misfit < 0.005 else f"{text}, up to {self.misfit:.2f} in probability from what was said"

    def record(self) -> dict[str, object]:
        """For the provenance of an estimate."""
        return {
            "about": self.about,
            "quantiles": [[*pair] for pair in self.quantiles],
            "source": self.source,
            "parameters": [*self.parameters],
        }


def elicit_prior(quantiles: Mapping[float, float] | Elicited, *, source: str, list: str | None = None) -> ExpertPrior:
    """The distribution nearest to what an expert says of a few quantiles.

    An expert may know more than the lists show: a flow at the border, a share of victims who ever meet the police. With
    little overlap such a belief can be most of the answer; an estimate that rests on it therefore says so, with the
    estimate under the default prior beside it. Take it before the lists are compared: a belief formed by the data
    counts them twice.

    Parameters
    ----------
    quantiles : mapping of float to float, or a distribution
        Two levels or more, each with the value below which the expert puts that probability, such as
        ``{0.05: 400, 0.5: 800, 0.95: 2500}``. A distribution that was elicited elsewhere, as the one that PreliZ's
        `quartile` or `maxent` has fitted or `Roulette(...).dist`, is read at five levels through its `ppf`. PreliZ is
        the extra ``[elicit]`` of this package.
    source : str
        Who believes it, and on what grounds.
    list : str or None
        None for N, in persons, whose prior is log-normal; the name of a list for the probability that a person of the
        population is on it, whose prior is a beta distribution.

    Returns
    -------
    ExpertPrior
        To be given as `expert=` to `decomposable` or, one about N, to `bayes_loglinear`.

    Raises
    ------
    BadInput
        For fewer than two quantiles, values that do not rise with the levels or cannot occur, no source, quantiles that
        no distribution of the family comes near to, or a distribution without parameters.

    References
    ----------
    O'Hagan and others (2006), Uncertain Judgements, doi:10.1002/0470033312; Icazatti, Abril-Pla, Klami and Martin
    (2023), PreliZ, doi:10.21105/joss.05499.

    Examples
    --------
    >>> import mse
    >>> belief = mse.elicit_prior({0.05: 400, 0.5: 800, 0.95: 1600}, source="workshop of the agencies, 2020")
    >>> belief.in_words()
    'on N (workshop of the agencies, 2020): 5 % below 400, 50 % below 800, 95 % below 1,600; log-normal, 95 % between
    350 and 1,827'
    """
    if not source.strip():
        raise BadInput("an expert's belief needs a source; say who believes it and on what grounds")
    if not isinstance(quantiles, Mapping):
        quantiles = _read(quantiles)
    said = tuple(sorted((float(level), float(value)) for level, value in quantiles.items()))
    levels, values = np.array(said).reshape(-1, 2).T
    _check(levels, values, list)
    parameters = _matched(levels, values, list)
    misfit = float(np.abs(_family(list, parameters).cdf(values) - levels).max())
    if misfit > LARGEST_MISFIT:
        family = "log-normal" if list is None else "beta"
        raise BadInput(
            f"no {family} distribution comes near to these quantiles: the nearest is {misfit:.2f} off in probability; "
            "ask again, or give fewer quantiles"
        )
    return ExpertPrior(said, source.strip(), list, parameters, misfit)


def _read(distribution: Elicited) -> dict[float, float]:
    """Quantiles of a distribution of another package; what such a package raises for one without parameters varies."""
    if not isinstance(distribution, Elicited):
        raise BadInput(
            f"a {type(distribution).__name__} holds no quantiles; give a mapping of levels to values, or a "
            "distribution with ppf (of PreliZ's Roulette, its .dist)"
        )
    try:
        values = np.asarray(distribution.ppf(np.array(READ_AT)), dtype=np.float64)
    except Exception as error:
        raise BadInput(f"{distribution!r} does not give its quantiles; set or fit its parameters first") from error
    return dict(zip(READ_AT, values.tolist(), strict=True))


def _check(levels: Array, values: Array, list: str | None) -> None:
    if len(levels) < 2:
        raise BadInput(f"{len(levels)} quantile does not tell how sure the expert is; give two or more")
    if not ((levels > 0) & (levels < 1)).all():
        raise BadInput(f"levels {levels.tolist()} are not all between 0 and 1; give {{0.05: ..., 0.95: ...}}")
    if not np.isfinite(values).all() or (np.diff(values) <= 0).any():
        raise BadInput(f"the values {values.tolist()} do not rise with the levels {levels.tolist()}")
    if values[0] <= 0 or (list is not None and values[-1] >= 1):
        asked = "persons, above 0" if list is None else "probabilities, above 0 and below 1"
        raise BadInput(f"the values {values.tolist()} are not {asked}")


def _family(list: str | None, parameters: tuple[float, float]) -> Any:
    first, second = parameters
    return stats.lognorm(second, scale=np.exp(first)) if list is None else stats.beta(first, second)


def _matched(levels: Array, values: Array, list: str | None) -> tuple[float, float]:
    """Parameters by least squares in the normal scores of the probabilities; exact for two quantiles."""
    scores = stats.norm.ppf(levels)
    if list is None:
        slope, middle = np.polyfit(scores, np.log(values), 1)
        return float(middle), float(slope)

    def off(log_shapes: Array) -> Array:
        reached = stats.beta(*np.exp(log_shapes)).cdf(values)
        return np.asarray(stats.norm.ppf(np.clip(reached, 1e-12, 1 - 1e-12)) - scores)

    logit = np.log(values / (1 - values))
    slope, middle = np.polyfit(scores, logit, 1)
    mean = 1 / (1 + np.exp(-middle))
    size = max(1 / (mean * (1 - mean) * slope**2), 0.5)
    found = least_squares(off, np.log([size * mean, size * (1 - mean)]), xtol=1e-14, ftol=1e-14, gtol=1e-14)
    first, second = np.exp(found.x)
    return float(first), float(second)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"
