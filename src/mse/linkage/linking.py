"""Linking: registers in, draws of who is whom out."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Literal, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mse.errors import BadInput
from mse.linkage.all_pairs import ALL_PAIRS
from mse.linkage.answers import Answers
from mse.linkage.clustering import join_greedily
from mse.linkage.comparable import check_population
from mse.linkage.linkable import Linkable, linkable_encoded, linkable_plain
from mse.linkage.matching import Matches, match
from mse.linkage.overlaps import check_overlaps
from mse.linkage.partition_posterior import GOOD_R_HAT, Posterior, sample_partitions
from mse.linkage.scarce import SCARCE
from mse.linkage.spark import Spark, check_spark
from mse.links import Links
from mse.provenance import record, sha256_of
from mse.pseudonyms import EncodedRegister, check_same_origin
from mse.registers import Register

__all__ = ["link"]

BACKENDS = ("duckdb", "spark")
TAKEN_FOR_GRANTED = (
    "the draws of the linkage take the lists to be independent, and records of two persons to agree as often on two "
    "lists as they do on one; as far as neither holds, they are narrower than the doubt there is"
)


def link(
    registers: Sequence[Register] | Sequence[EncodedRegister],
    *,
    seed: int,
    n_draws: int = 100,
    fields: Sequence[str] | None = None,
    scarce: Literal["drop", "keep"] = "drop",
    duplicates: Sequence[str] = (),
    prior_n: float | None = None,
    answers: pd.DataFrame | None = None,
    backend: Literal["duckdb", "spark"] = "duckdb",
    n_jobs: int = 1,
) -> Links:
    """Join the records of several registers into persons, at most one record per register and person.

    All pairs are compared up to 30,000 records, and pairs of keyed blocks beyond. Their Fellegi-Sunter weights come
    from typing-error rates (m), pairs within registers (u) and how many others share a record's values; a missing value
    says nothing. Records of one register that are almost surely one person are merged first. The draws are draws of
    whole partitions from their joint posterior with the error rates and with N, the number of persons in the
    population: each record may be any of N persons, so that a pair is one person with prior odds of about 1 to N. For N
    alone the lists are taken to be independent, and N is the larger of what all persons say of it and what those on one
    list or two say.

    Parameters
    ----------
    registers : sequence of Register, or of EncodedRegister
        At least two, or one in `duplicates`; all plain or all encoded.
    seed : int
    n_draws : int
        1 joins greedily what is at least as likely as not, and has no uncertainty. 100 or more tell how sure the
        linkage is.
    fields : sequence of str, optional
        Fields to compare; all identifiers, with sex, region and age group as weak evidence, when not given.
    scarce : {"drop", "keep"}
        What becomes of records with fewer than two of given name, family name, birth and other telling fields, and
        no personal number. Kept, each of them counts as a person, which makes N too large; left out of all lists,
        they lower the share of the population that is on a list. How many there are stands in the notes.
    duplicates : sequence of str
        Registers that may hold several records of one person. On all others a person stands once, but for records
        that are almost surely the same, which are merged first.
    prior_n : float, optional
        The N that the linkage takes for given, such as the estimate of a model that fits the lists better than
        independence: link, estimate, and link again with the estimate until it stays. Drawn when left out.
    answers : DataFrame, optional
        What the agencies say of pairs of records, in the columns list_a, record_a, list_b, record_b and answer (same,
        different or unknown); see `mse.propagation.question_list`. They hold in every draw.
    backend : {"duckdb", "spark"}
        Where the candidate pairs of more than 30,000 records are made, with the same result: in this process, or on
        Spark, in the session at work or a new one on this machine. Spark needs the extra [spark] and Java 17.
    n_jobs : int
        Threads. The result does not depend on it.

    Returns
    -------
    Links
        ``record`` is the row number in the file (plain) or the record id (encoded). `diagnostics` holds
        `expected_precision` and `expected_recall` of the pairs joined at one half, `n_candidates`, `n_links`,
        `prior` and `n_merged_within`; with several draws also `r_hat` of the number of distinct persons, `n_sweeps`,
        `prior_n` (its median) and the curve `n_hat_at_0.75_prior_n`, ...: the N that independent lists would give
        when the linkage takes 0.75, 1, 1.5 and 2 times `prior_n` for given.

    Raises
    ------
    BadInput
        Fewer than two registers, an empty one, two of one name, plain and encoded mixed, adults and minors mixed,
        different projects or keys, unknown fields, `prior_n` below the longest list, answers that cannot be,
        Spark without PySpark or Java.
    NoOverlap
        When no pair of records of two registers is more likely than not to be one person, or some registers share no
        such pair with the others where chance hardly does that; they are named.
    NotConverged
        When the four chains do not agree on the number of distinct persons.

    References
    ----------
    Fellegi and Sunter (1969), https://doi.org/10.1080/01621459.1969.10501049; Linacre et al. (2022),
    https://doi.org/10.23889/ijpds.v7i3.1794 (Splink); Tancredi and Liseo (2011), https://doi.org/10.1214/10-AOAS447
    (N and the linkage drawn together); Sadinle (2018), https://arxiv.org/abs/1812.09590 (models over linkage draws).

    Examples
    --------
    >>> from mse.registers import read_register
    >>> links = link([read_register("a.csv"), read_register("b.csv")], seed=1, n_draws=1)  # doctest: +SKIP
    >>> int(links.n_persons[0])  # doctest: +SKIP
    226
    """
    _check_options(seed=seed, n_draws=n_draws, fields=fields, n_jobs=n_jobs, scarce=scarce, backend=backend)
    linkable = _linkable(registers, fields, scarce, duplicates)
    longest = int(np.bincount(linkable.list_of_record).max())
    if prior_n is not None and not prior_n >= longest:
        raise BadInput(f"prior_n={prior_n!r} is below the {longest} records of the longest list; give a larger number")
    told = Answers.of(answers, linkable.records)
    is_clean = np.array([name not in duplicates for name in linkable.lists])
    all_pairs = len(linkable.records) <= ALL_PAIRS
    with nullcontext() if all_pairs or backend == "duckdb" else Spark(n_threads=n_jobs) as spark:
        matches = match(linkable, told, is_clean=is_clean, seed=seed, n_jobs=n_jobs, all_pairs=all_pairs, spark=spark)
    listed = matches.evidence.listed
    told_overlaps = check_overlaps(
        linkable.lists, matches.evidence.list_of_record, listed.left, listed.right, matches.probability
    )
    point = join_greedily(matches.evidence)
    posterior = None
    if n_draws > 1:
        posterior = sample_partitions(matches.evidence, n_draws=n_draws, seed=seed, population=prior_n, n_jobs=n_jobs)
    persons = point.astype(np.int32)[None] if posterior is None else posterior.persons
    options = {
        "n_draws": n_draws,
        "scarce": scarce,
        "prior_n": prior_n,
        "answers": {"same": len(told.same), "different": len(told.different)},
        "fields": None if fields is None else list(fields),
        "duplicates": list(duplicates),
        "backend": backend,
        "blocking": [list(rule) for rule in matches.blocking],
        "weights": _told(linkable, matches),
    }
    notes = (*linkable.notes, *_merged_notes(linkable, matches.unit), *told_overlaps, *_posterior_notes(posterior))
    return Links(
        linkable.records,
        persons[:, matches.unit],
        linkable.lists,
        _diagnostics(matches, point, posterior),
        record(input_sha256=sha256_of(*(_source(register) for register in registers)), seed=seed, options=options),
        notes,
    )


def _check_options(
    *, seed: int, n_draws: int, fields: Sequence[str] | None, n_jobs: int, scarce: str, backend: str
) -> None:
    if n_draws < 1:
        raise BadInput(f"n_draws={n_draws!r} is below 1; 1 gives the most likely linkage, 100 its uncertainty")
    if n_jobs < 1:
        raise BadInput(f"n_jobs={n_jobs!r} is below 1; give the number of threads")
    if seed < 0:
        raise BadInput(f"seed={seed!r} is negative; give a whole number from 0")
    if scarce not in SCARCE:
        raise BadInput.option("scarce", scarce, SCARCE)
    if backend not in BACKENDS:
        raise BadInput.option("backend", backend, BACKENDS)
    if backend == "spark":
        check_spark()
    if isinstance(fields, str) or (fields is not None and not len(fields)):
        raise BadInput(f"fields={fields!r} is not a list of field names; leave it out to compare all identifiers")


def _linkable(
    registers: Sequence[Register] | Sequence[EncodedRegister],
    fields: Sequence[str] | None,
    scarce: str,
    duplicates: Sequence[str],
) -> Linkable:
    """Check the registers at the door and bring them into one table."""
    for name in duplicates:
        if name not in {register.name for register in registers}:
            raise BadInput.unknown("register", name, [register.name for register in registers])
    if len(registers) < 2 and not (len(registers) == 1 and duplicates):
        raise BadInput(f"linking needs two registers or more; {len(registers)} given")
    names = [register.name for register in registers]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise BadInput(f"two registers are named {twice[0]!r}; give each register a name of its own in its codebook")
    empty = [register.name for register in registers if not len(register)]
    if empty:
        raise BadInput(f"the register {empty[0]!r} holds no record; leave it out")
    if _all_plain(registers):
        check_population(registers)
        return linkable_plain(registers, fields=fields, scarce=scarce)
    if _all_encoded(registers):
        check_same_origin(registers)
        check_population(registers)
        return linkable_encoded(registers, fields=fields, scarce=scarce)
    raise BadInput("plain and encoded registers cannot be linked with each other; encode all of them with one key")


def _all_plain(registers: Sequence[object]) -> TypeGuard[Sequence[Register]]:
    return all(isinstance(register, Register) for register in registers)


def _all_encoded(registers: Sequence[object]) -> TypeGuard[Sequence[EncodedRegister]]:
    return all(isinstance(register, EncodedRegister) for register in registers)


def _diagnostics(matches: Matches, point: NDArray[np.int64], posterior: Posterior | None) -> dict[str, float]:
    """Counts, what the match probabilities promise of the pairs joined at one half, and how the sampler fared."""
    evidence = matches.evidence
    joined = point[evidence.listed.left] == point[evidence.listed.right]
    n_true, n_found = float(matches.probability.sum()), float(matches.probability[joined].sum())
    told = {
        "n_links": float(joined.sum()),
        "expected_precision": n_found / float(joined.sum()) if joined.any() else 1.0,
        "expected_recall": n_found / n_true if n_true else 1.0,
        "n_candidates": float(matches.n_candidates),
        "prior": evidence.prior,
        "n_merged_within": float(len(matches.unit) - evidence.n_records),
    }
    if posterior is not None:
        told |= {"r_hat": posterior.r_hat, "n_sweeps": float(posterior.n_sweeps), "prior_n": posterior.population}
        told |= {f"n_hat_at_{factor:g}_prior_n": n_hat for factor, n_hat in posterior.curve.items()}
    return told


def _merged_notes(linkable: Linkable, unit: NDArray[np.int64]) -> list[str]:
    """One sentence for each list in which records were merged."""
    notes = []
    for number, name in enumerate(linkable.lists):
        own = unit[linkable.list_of_record == number]
        extra = len(own) - len(np.unique(own))
        if extra:
            notes.append(f"{name}: {extra} of {len(own)} records merged with another record of the same list")
    return notes


def _posterior_notes(posterior: Posterior | None) -> list[str]:
    """What the reader must know of the draws: how the linkage prior moves the number, and whether the chains agree."""
    if posterior is None:
        return []
    notes = [TAKEN_FOR_GRANTED]
    if posterior.curve:
        curve = ", ".join(
            f"{factor * posterior.population:,.0f}: {n_hat:,.0f}" for factor, n_hat in posterior.curve.items()
        )
        notes.insert(
            0,
            "the linkage rests on how many persons it takes the population to have; number of persons that independent "
            f"lists would give, by that number: {curve}",
        )
    if posterior.r_hat > GOOD_R_HAT:
        notes.append(
            f"the chains of the linkage agree badly on the number of distinct persons: R-hat {posterior.r_hat:.2f} is "
            f"above {GOOD_R_HAT}; the draws are spread more by where the chains started than by the evidence"
        )
    return notes


def _told(linkable: Linkable, matches: Matches) -> Mapping[str, object]:
    """The m- and u-probabilities by comparison and level, for the provenance; u over all pairs."""
    told, first = {}, matches.evidence.ladder.first
    weights = matches.evidence.weights
    for comparison, start, end in zip(linkable.comparisons, first[:-1], first[1:], strict=True):
        labels = [*(level.label for level in comparison.levels), "different"]
        told[comparison.name] = {
            label: {"m": float(m), "u": float(u)}
            for label, m, u in zip(labels, weights.m[start:end], weights.u[start:end, -1], strict=True)
        }
    return told


def _source(register: Register | EncodedRegister) -> bytes:
    """What identifies the input of one register: its name and the hash of its file."""
    own = register.source_sha256 if isinstance(register, Register) else register.sha256
    return f"{register.name}:{own}".encode()
