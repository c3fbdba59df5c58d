"""The study of strata: its data sets, its table, and what pooling in part gains."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from simulations import strata
from simulations.strata_tables import strata_part

N_TABLES = 16


def test_a_data_set_is_the_same_whichever_others_are_drawn() -> None:
    """Data set 7 depends on its number and setting alone, and no stratum has more persons than there are."""
    strata.data_set("differing", 6)
    first, again, other = (strata.data_set("differing", number) for number in (7, 7, 8))
    assert first.counts.tolist() == again.counts.tolist()
    assert first.counts.tolist() != other.counts.tolist()
    assert first.counts.tolist() != strata.data_set("alike", 7).counts.tolist()
    assert (first.counts.sum(axis=0) <= strata.SIZES).all()


def test_alike_strata_have_the_same_shares() -> None:
    """Over many data sets every stratum of `alike` is seen as often as the others, and of the other settings it varies.

    About half of all persons are seen, and less than a third of those of `hidden`.
    """
    seen = {
        name: np.array([strata.data_set(name, k).counts.sum(axis=0)[0] for k in range(200)]) / setting.sizes[0]
        for name, setting in strata.SETTINGS.items()
    }
    drawn = np.sqrt(seen["alike"].mean() * (1 - seen["alike"].mean()) / strata.SIZES[0])
    assert seen["alike"].std() == pytest.approx(drawn, rel=0.2)
    assert seen["differing"].std() > 3 * drawn
    assert 0.5 < seen["differing"].mean() < 0.6
    assert 0.22 < seen["hidden"].mean() < 0.34


def test_the_table_of_made_up_rows(tmp_path: Path) -> None:
    """Errors, coverage and refusals are those of rows made by hand."""

    def made(number: int) -> dict[str, float | str]:
        row: dict[str, float | str] = {}
        for method, factor in (("partial", 1.1), ("separate", 1.3), ("complete", 1.2)):
            off = factor if number % 2 else 1 / factor
            for of, size in zip(strata.OF, (*strata.SIZES, sum(strata.SIZES)), strict=True):
                row |= {f"{method}_{of}_n_hat": size * off}
                row |= {f"{method}_{of}_low": size * off / 1.25, f"{method}_{of}_high": size * off * 1.25}
        return row | ({"separate_refused": "s5: nobody"} if number == 0 else {})

    strata.rows_of("differing", tmp_path).complete(made, range(4), chunk=4)
    lines = [line.split(" | ") for line in strata_part(tmp_path).splitlines()[2:]]
    by_method = {cells[1]: cells for cells in lines}
    partial, separate = by_method["pooled in part"], by_method["each stratum alone"]
    assert partial[3].startswith(f"{np.log(1.1):.3f}")
    assert separate[4].startswith(f"+{np.log(1.3) - np.log(1.1):.3f}")
    assert (partial[8].split()[0], separate[8].split()[0]) == ("100.0", "0.0")
    assert (partial[10], separate[11].rstrip(" |")) == ("1.56", "1")


def test_methods_are_compared_on_the_strata_that_both_give(tmp_path: Path) -> None:
    """A stratum that one method refuses does not count against the other."""

    def made(number: int) -> dict[str, float | str]:
        row: dict[str, float | str] = {}
        for method, refused in (("partial", ""), ("separate", "5"), ("complete", "")):
            for of, size in zip(strata.OF, (*strata.SIZES, sum(strata.SIZES)), strict=True):
                off = 2.0 if of == "5" else 1.1 + 0.01 * number
                ends = {"n_hat": size * off, "low": size / 2, "high": size * 4}
                row |= {} if of == refused else {f"{method}_{of}_{end}": x for end, x in ends.items()}
        return row

    strata.rows_of("differing", tmp_path).complete(made, range(4), chunk=4)
    lines = [line.split(" | ") for line in strata_part(tmp_path).splitlines()[2:]]
    assert [cells[4].split()[0] for cells in lines[1:]] == ["+0.000", "+0.000"]


@pytest.mark.slow
def test_pooling_in_part_is_nearer_than_one_population() -> None:
    """Of differing strata: smaller errors than all as one, none larger than each alone, and intervals that cover."""
    rows = [strata.row("differing", number) for number in range(1000, 1000 + N_TABLES)]

    def squares(method: str) -> np.ndarray:
        n_hats = np.array([[row.get(f"{method}_{s}_n_hat", np.nan) for s in range(len(strata.SIZES))] for row in rows])
        return np.asarray(np.log(n_hats.astype(float) / np.array(strata.SIZES)) ** 2)

    by_stratum = np.stack([squares(method) for method in strata.METHODS])
    given = np.isfinite(by_stratum).all(axis=0)  # a stratum that one method refuses does not count against the others
    assert given.mean() > 0.9
    partial, separate, complete = np.where(given, by_stratum, 0.0).sum(axis=2) / given.sum(axis=1)
    assert partial.mean() < complete.mean()
    apart = partial - separate
    assert apart.mean() < 4 * apart.std(ddof=1) / np.sqrt(N_TABLES)
    held = sum(
        row[f"partial_{s}_low"] <= size <= row[f"partial_{s}_high"]
        for row in rows
        for s, size in enumerate(strata.SIZES)
    )
    # Strata of one data set are estimated together; as many independent ones as half of all are taken.
    n = N_TABLES * len(strata.SIZES)
    assert held / n >= binom(n // 2, 0.95).ppf(0.001) / (n // 2)
