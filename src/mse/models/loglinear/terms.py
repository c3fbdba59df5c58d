"""Log-linear models as sets of terms: the field's notation, and all hierarchical models of K lists.

A term is a set of lists, held as a bitmask with the same bits as a history: history `v` contains term `t`
iff ``v & t == t``. A model is its generators: the maximal terms. Main effects are always in it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput

__all__ = [
    "LogLinear",
    "all_terms",
    "bitsets_of",
    "design_matrix",
    "hierarchical_models",
    "parse_model",
    "terms_of",
]

POSITION_FORM = re.compile(r"\[[0-9,\s]*\]")
MAX_POSITIONS = 9


@dataclass(frozen=True)
class LogLinear:
    """A hierarchical log-linear model on named lists.

    Attributes
    ----------
    lists : tuple of str
    interactions : frozenset of int
        Bitmasks of all terms of two lists or more, closed under subsets.
    """

    lists: tuple[str, ...]
    interactions: frozenset[int]

    def __post_init__(self) -> None:
        full = 2 ** len(self.lists) - 1
        if full in self.interactions:
            raise BadInput(
                f"the term of all {len(self.lists)} lists cannot be estimated, since nobody can count the missing "
                "cell; leave it out"
            )
        if not self.is_hierarchical:
            raise BadInput(f"the terms {sorted(self.interactions)} are not closed under subsets; add the smaller terms")

    @classmethod
    def from_terms(cls, lists: Sequence[str], terms: Iterable[int]) -> "LogLinear":
        """The smallest hierarchical model with these terms."""
        closed = {part for term in terms for part in _subsets(term) if part.bit_count() > 1}
        return cls(tuple(lists), frozenset(closed))

    @property
    def n_lists(self) -> int:
        return len(self.lists)

    @property
    def is_hierarchical(self) -> bool:
        """Whether every subset of a term is in the model."""
        return all(
            part in self.interactions for term in self.interactions for part in _subsets(term) if part.bit_count() > 1
        )

    @property
    def order(self) -> int:
        """Number of lists in the largest term."""
        return max((term.bit_count() for term in self.interactions), default=1)

    @cached_property
    def generators(self) -> tuple[int, ...]:
        """Maximal terms, by falling size, then by position; single lists among them."""
        singles = [1 << (self.n_lists - 1 - j) for j in range(self.n_lists)]
        terms = [*self.interactions, *singles]
        maximal = [t for t in terms if not any(t & other == t and t != other for other in terms)]
        return tuple(sorted(maximal, key=lambda term: (-term.bit_count(), self._positions(term))))

    @cached_property
    def terms(self) -> tuple[int, ...]:
        """All terms but the intercept: list effects by position, then interactions by size and position."""
        singles = [1 << (self.n_lists - 1 - j) for j in range(self.n_lists)]
        inner = sorted(self.interactions, key=lambda term: (term.bit_count(), self._positions(term)))
        return (*singles, *inner)

    @property
    def positions(self) -> str:
        """The form that the papers print: one bracket, lists by their positions from 1.

        >>> parse_model("[LA,NG][GO]", ("LA", "NG", "GO")).positions
        '[12,3]'
        """
        return f"[{','.join(''.join(str(j + 1) for j in self._positions(term)) for term in self.generators)}]"

    def name_of(self, term: int) -> str:
        """The lists of a term, joined by a colon: ``LA:NG``."""
        return ":".join(self.lists[j] for j in self._positions(term))

    def _positions(self, term: int) -> tuple[int, ...]:
        return tuple(j for j in range(self.n_lists) if term >> (self.n_lists - 1 - j) & 1)

    def __str__(self) -> str:
        return "".join(f"[{','.join(self.lists[j] for j in self._positions(term))}]" for term in self.generators)


def parse_model(text: str, lists: Sequence[str]) -> LogLinear:
    """Read a model in names form or in position form.

    Parameters
    ----------
    text : str
        ``"[police,rosa][udi]"``, or exactly one bracket of digits as in ``"[12,3]"``. Lists that are not named get
        their main effect; redundant terms are accepted and dropped; ``"independence"`` is main effects only.
    lists : sequence of str

    Raises
    ------
    BadInput
        For an unknown list, a position that does not exist, the term of all lists, or text that is neither form.

    Examples
    --------
    >>> str(parse_model("[12,3]", ("LA", "NG", "GO")))
    '[LA,NG][GO]'
    """
    names = tuple(lists)
    text = text.strip()
    if text == "independence":
        return LogLinear(names, frozenset())
    if POSITION_FORM.fullmatch(text) and not _is_names_form(text, names):
        return LogLinear.from_terms(names, _terms_by_position(text, names))
    if not re.fullmatch(r"(\[[^\[\]]+\])+", text):
        raise BadInput(f"{text!r} is not a model; write one bracket per term, as in {_example(names)!r}")
    return LogLinear.from_terms(names, [_term_by_name(part, names) for part in re.findall(r"\[([^\[\]]+)\]", text)])


def _is_names_form(text: str, names: tuple[str, ...]) -> bool:
    """A single bracket of digits is in names form only if no digit is a list's name, which is refused."""
    digits = [name for name in names if name.isdigit()]
    if digits:
        raise BadInput(
            f"{text!r} could mean positions or the list named {digits[0]!r}; rename that list, or use other brackets"
        )
    return False


def _terms_by_position(text: str, names: tuple[str, ...]) -> list[int]:
    if len(names) > MAX_POSITIONS:
        raise BadInput(
            f"{text!r} gives positions, which work for up to {MAX_POSITIONS} lists; write the names of the lists"
        )
    terms = []
    for part in text[1:-1].replace(" ", "").split(","):
        positions = [int(digit) - 1 for digit in part]
        bad = [j + 1 for j in positions if not 0 <= j < len(names)]
        if bad or not part or len(set(positions)) < len(positions):
            raise BadInput(f"{part!r} in {text!r} does not name positions from 1 to {len(names)}, each once")
        terms.append(sum(1 << (len(names) - 1 - j) for j in positions))
    return terms


def _term_by_name(part: str, names: tuple[str, ...]) -> int:
    members = [name.strip() for name in part.split(",")]
    for name in members:
        if name not in names:
            raise BadInput.unknown("list", name, names)
    return sum(1 << (len(names) - 1 - names.index(name)) for name in set(members))


def _example(names: tuple[str, ...]) -> str:
    return f"[{names[0]},{names[1]}]" + "".join(f"[{name}]" for name in names[2:])


def all_terms(n_lists: int, max_order: int | None = None) -> tuple[int, ...]:
    """Interactions of `n_lists` lists up to `max_order` (None: all but the K-list term), by size, then position."""
    largest = n_lists - 1 if max_order is None else min(max_order, n_lists - 1)
    return tuple(
        sum(1 << (n_lists - 1 - j) for j in members)
        for order in range(2, largest + 1)
        for members in combinations(range(n_lists), order)
    )


def design_matrix(terms: Sequence[int], n_lists: int) -> NDArray[np.float64]:
    """Intercept, then one column per term; one row per history. Shape (2**K - 1, 1 + n_terms)."""
    values = np.arange(1, 2**n_lists)[:, None]
    masks = np.array([0, *terms], dtype=np.int64)[None, :]
    design: NDArray[np.float64] = ((values & masks) == masks).astype(np.float64)
    return design


@lru_cache(maxsize=16)
def hierarchical_models(n_lists: int, max_order: int | None = None) -> NDArray[np.uint64]:
    """All hierarchical models with all main effects, as bitsets over `all_terms(n_lists, max_order)`.

    8, 113 and 6,893 models for 3, 4 and 5 lists; in order of their bitset. Shape (n_models,).

    Examples
    --------
    >>> [len(hierarchical_models(k)) for k in (3, 4, 5)]
    [8, 113, 6893]
    """
    terms = all_terms(n_lists, max_order)
    models = np.array([0], dtype=np.uint64)
    for j, term in enumerate(terms):
        needed = sum(1 << i for i, other in enumerate(terms) if other & term == other and other != term)
        with_it = models[(models & np.uint64(needed)) == needed] | np.uint64(1 << j)
        models = np.concatenate([models, with_it])
    models = np.sort(models)
    models.setflags(write=False)
    return models


def bitsets_of(models: Iterable[str], lists: Sequence[str], terms: Sequence[int]) -> NDArray[np.uint64]:
    """Bitsets over `terms` of models in names form, shape (n_models,)."""
    names = tuple(lists)
    bit_of = {int(term): 1 << j for j, term in enumerate(terms)}
    closed: dict[str, int] = {}
    sets = []
    for model in models:
        bitset = 0
        for part in model[1:-1].split("]["):
            if part not in closed:
                inner = (term for term in _subsets(_term_by_name(part, names)) if term.bit_count() > 1)
                closed[part] = sum(bit_of[term] for term in inner)
            bitset |= closed[part]
        sets.append(bitset)
    return np.array(sets, dtype=np.uint64)


def terms_of(bitset: int, terms: Sequence[int]) -> Iterator[int]:
    """The terms that a bitset over `terms` holds."""
    return (term for j, term in enumerate(terms) if bitset >> j & 1)


def _subsets(term: int) -> Iterator[int]:
    """All non-empty subsets of a term, itself included."""
    part = term
    while part:
        yield part
        part = (part - 1) & term
