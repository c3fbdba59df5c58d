"""The log-normal prior of hidden persons per person seen: from its range, and in words."""

from math import exp, inf, log

from scipy.stats import norm

from mse.errors import BadInput

__all__ = ["log_hidden_of", "log_normal_of", "prior_in_words"]


def log_hidden_of(prior_hidden: tuple[float, float]) -> tuple[float, float]:
    """Mean and standard deviation of the log whose central 95 % are this range."""
    low, high = prior_hidden
    if not 0 < low < high < inf:
        raise BadInput(
            f"prior_hidden={prior_hidden!r} is not a range; give the low and the high end of hidden persons per person "
            "seen, both above 0"
        )
    return log_normal_of(low, high)


def log_normal_of(low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of the log of what is log-normal with 95 % between low and high."""
    return log(low * high) / 2, log(high / low) / (2 * float(norm.ppf(0.975)))


def prior_in_words(log_hidden_mean: float, log_hidden_sd: float, n_observed: int) -> str:
    """What the prior says of N."""
    ratios = [exp(float(norm.ppf(q)) * log_hidden_sd + log_hidden_mean) for q in (0.025, 0.5, 0.975)]
    low, median, high = (n_observed * (1 + ratio) for ratio in ratios)
    return (
        f"prior on N: hidden persons per person seen is log-normal, 95 % between {ratios[0]:.3g} and {ratios[2]:.3g}; "
        f"with {n_observed:,} seen, N has the prior median {median:,.0f} and 95 % between {low:,.0f} and {high:,.0f}; "
        "how many are seen is not predicted"
    )
