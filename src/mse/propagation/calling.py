"""How a fit wants to be called: with a seed by position, by the keyword `seed`, or without one."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mse.errors import BadInput
from mse.estimate import Estimate
from mse.histories import CaptureHistories

__all__ = ["Fit", "SeededFit"]

type Fit = Callable[[CaptureHistories, int], Estimate] | Callable[..., Estimate]

NAMED = "seed"
BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
CATCH_ALL = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class SeededFit:
    """A fit that takes a table and a seed, whatever it was written to take.

    `uses_seed` is False for a fit that has no place for one: equal tables then have equal answers.
    """

    fit: Callable[..., Any]
    seed_by_keyword: bool
    uses_seed: bool

    def __call__(self, histories: CaptureHistories, seed: int) -> Estimate:
        """The estimate of one table.

        Raises
        ------
        BadInput
            When the fit answers something that is no estimate.
        """
        if not self.uses_seed:
            answer = self.fit(histories)
        elif self.seed_by_keyword:
            answer = self.fit(histories, seed=seed)
        else:
            answer = self.fit(histories, seed)
        if not isinstance(answer, Estimate):
            raise BadInput(
                f"the fit answered a value of type {type(answer).__name__}; it must return an Estimate, as every model "
                "of mse does"
            )
        return answer

    @classmethod
    def of(cls, fit: Fit) -> "SeededFit":
        """Read the signature: a parameter `seed`, else a second one without a default, takes the seed.

        Raises
        ------
        BadInput
            When it cannot be called, or needs more than a table and a seed.
        """
        if not callable(fit):
            raise BadInput(f"fit={fit!r} cannot be called; give a function, such as {_example()}")
        try:
            parameters = inspect.signature(fit).parameters
        except ValueError:
            return cls(fit, seed_by_keyword=False, uses_seed=True)
        first = next((p.name for p in parameters.values() if p.kind in BY_POSITION), None)
        others = [p for p in parameters.values() if p.name not in (first, NAMED) and p.kind not in CATCH_ALL]
        needed = [p for p in others if p.default is inspect.Parameter.empty]
        named = parameters.get(NAMED) if first != NAMED else None
        second = needed[0] if named is None and needed and needed[0].kind in BY_POSITION else None
        left = [p.name for p in needed if p is not second]
        if left or (first is None and not _takes_any(parameters)):
            raise BadInput(
                f"the fit needs {', '.join(left) or 'a place for the table'} beside a table and a seed; give what it "
                f"needs by a lambda, such as {_example()}"
            )
        if named is not None:
            by_keyword = named.kind is not inspect.Parameter.POSITIONAL_ONLY
            return cls(fit, seed_by_keyword=by_keyword, uses_seed=True)
        return cls(fit, seed_by_keyword=False, uses_seed=second is not None or _takes_any(parameters))


def _takes_any(parameters: Any) -> bool:
    return any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters.values())


def _example() -> str:
    return 'lambda h, s: mse.select_loglinear(h, by="aic", n_boot=200, seed=s)'
