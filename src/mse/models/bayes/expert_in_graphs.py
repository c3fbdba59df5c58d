"""An expert's prior as a factor on N in the average over decomposable graphs."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, digamma

from mse.errors import BadInput
from mse.histories import CaptureHistories
from mse.models.bayes.beside_default import refuse_if_ruled_out
from mse.models.bayes.expert_prior import ExpertPrior

__all__ = ["PriorOfN", "prior_with_expert"]

type Array = NDArray[np.float64]
type LogPrior = Callable[[Array], Array]


@dataclass(frozen=True, slots=True)
class PriorOfN:
    """What weighs N beside the evidence of the graphs, and what of it is scaled to see how far it moves the answer.

    Attributes
    ----------
    factor : callable
        Log of what multiplies the evidence, at totals of shape (n,).
    scaled : callable
        Log prior density to be power-scaled; the expected one where the prior is of a capture probability.
    """

    factor: LogPrior
    scaled: LogPrior


def prior_with_expert(
    histories: CaptureHistories, log_prior: LogPrior, expert: ExpertPrior | None, *, delta: float, is_default: bool
) -> PriorOfN:
    """The prior of N, with an expert's belief if there is one.

    A belief about N takes the place of `log_prior`. One about the capture probability of a list acts as a factor: the
    margin of a list is independent of all that is conditional on it, in every decomposable graph, since the
    hyper-Dirichlet law is strong hyper Markov (Dawid and Lauritzen 1993, doi:10.1214/aos/1176349260). So another beta
    prior of the margin multiplies the evidence of all graphs by one ratio of beta functions of the persons on the list
    and of those not on it.

    Raises
    ------
    BadInput
        When there are two priors of N, or the list is unknown.
    Refused
        When the belief rules out the persons seen.
    """
    if expert is None:
        return PriorOfN(log_prior, log_prior)
    refuse_if_ruled_out(expert, histories.n_observed)
    if expert.list is None:
        if not is_default:
            raise BadInput("there are two priors of N, prior_n and the expert's; give one of them")
        return PriorOfN(expert.log_density, expert.log_density)
    if expert.list not in histories.lists:
        raise BadInput.unknown("list", expert.list, histories.lists)
    on_list = histories.list_totals[expert.list]
    on, off = expert.parameters
    of_graphs = delta * 2.0 ** (histories.n_lists - 1)

    def factor(total: Array) -> Array:
        others = total - on_list
        ratio = betaln(on + on_list, off + others) - betaln(of_graphs + on_list, of_graphs + others)
        return np.asarray(log_prior(total) + ratio)

    def scaled(total: Array) -> Array:
        # The derivative of the factor in the power of the beta density, at one.
        together = digamma(on + off + total)
        return np.asarray(
            (on - 1) * (digamma(on + on_list) - together) + (off - 1) * (digamma(off + total - on_list) - together)
        )

    return PriorOfN(factor, scaled)
