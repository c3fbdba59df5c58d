"""The errors of the package: built from values, each with its reasons and its exit code.

Exit codes are those of the command line: 2 for bad input, 3 for a refusal.
"""

from collections.abc import Iterable
from typing import ClassVar, Self

__all__ = [
    "BadInput",
    "MseError",
    "NoFiniteMLE",
    "NoOverlap",
    "NotConverged",
    "NotIdentified",
    "Refused",
]


class MseError(Exception):
    """Everything that the package raises on purpose.

    Attributes
    ----------
    reasons : tuple of str
        One full sentence for each thing that is wrong; never empty.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, reasons: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.reasons: tuple[str, ...] = tuple(reasons) or (message,)


class BadInput(MseError):
    """What was given cannot be used: says what, the value, and the way out."""

    exit_code = 2

    @classmethod
    def unknown(cls, kind: str, value: object, known: Iterable[object]) -> Self:
        """A name that is not among the known ones, for example a list or a column."""
        return cls(f"no {kind} named {value!r}; there are {', '.join(map(repr, known)) or 'none'}")

    @classmethod
    def option(cls, name: str, value: object, allowed: Iterable[object]) -> Self:
        """An option with a value outside the allowed ones."""
        return cls(f"{name}={value!r} is not offered; use one of {', '.join(map(repr, allowed))}")

    @classmethod
    def several(cls, what: str, reasons: Iterable[str]) -> Self:
        """All the problems of one input in one error, in the order they were found."""
        found = tuple(reasons)
        count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
        return cls(f"{what}: {count}\n" + "\n".join(f"  {reason}" for reason in found), reasons=found)


class Refused(MseError):
    """The input is sound, but no number can be given for it; says why."""

    exit_code = 3


class NoFiniteMLE(Refused):
    """The maximum-likelihood estimate of the model does not exist on these counts."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(
            f"the maximum-likelihood estimate of {model} does not exist on these counts: some fitted "
            "count runs to zero without end, so any number printed for it would depend on when the "
            "iteration stopped; choose a model with fewer interactions, or merge small lists"
        )


class NotIdentified(Refused):
    """The counts that the model leaves do not determine the total."""

    @classmethod
    def of(cls, model: str) -> Self:
        return cls(
            f"{model} fits these counts, but they do not determine the number of persons on no list: "
            "many totals fit equally well; choose a model with fewer interactions"
        )

    @classmethod
    def of_wide_bounds(cls, model: str) -> Self:
        """Censored cells say too little of the model."""
        return cls(
            f"the bounds of the censored cells are too wide to determine the total under {model}: many totals fit "
            "equally well; choose a model with fewer interactions, or drop the list that over-covers"
        )


class NotConverged(Refused):
    """The chains of a sampler do not agree, or are too short, for the number to be trusted."""

    @classmethod
    def of(cls, model: str, *, r_hat: float, ess: float, advice: str) -> Self:
        return cls(
            f"the posterior of N under {model} was not reached: R-hat {r_hat:.4f} (at most 1.01), effective "
            f"sample size of N {ess:.0f} (at least 400); {advice}"
        )


class NoOverlap(Refused):
    """No person is on two lists, so nothing can be said about those on none."""

    @classmethod
    def between(cls, lists: Iterable[str]) -> Self:
        return cls(
            f"no person is on two of the lists {', '.join(lists)}; without overlap the number of persons on "
            "no list cannot be estimated. Check first that the lists were encoded with the same key and "
            "cover the same period and population"
        )

    @classmethod
    def apart(cls, apart: Iterable[str], others: Iterable[str], *, expected: float, chance: float) -> Self:
        """Some lists share nobody with the others, which is hardly chance."""
        return cls(
            f"no person is both on {' or '.join(apart)} and on {' or '.join(others)}, where independent lists would "
            f"share {expected:.1f} (probability of none {chance:.1g}); check that these lists were encoded with the "
            "same key and cover the same period and population, or link them apart"
        )
