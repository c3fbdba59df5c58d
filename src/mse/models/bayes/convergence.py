"""Whether the chains of a sampler agree and are long enough, and the ArviZ tree that goes with the answer."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import arviz as az
import numpy as np
from numpy.typing import NDArray

from mse.errors import NotConverged
from mse.writing import write_bytes

__all__ = ["MAX_R_HAT", "MIN_ESS", "convergence", "faults", "posterior_tree", "refuse_unless_converged", "write_tree"]

type Array = NDArray[np.float64]

MAX_R_HAT = 1.01
MIN_ESS = 400.0
MIN_BFMI = 0.3
MAX_DIVERGENT_SHARE = 0.01


def convergence(
    watched: Mapping[str, Array], statistics: Mapping[str, Array], others: Sequence[Array] = ()
) -> dict[str, float]:
    """Diagnostics of the watched quantities together, the worst of them, and of the sampler.

    Parameters
    ----------
    watched : mapping of str to ndarray, shape (n_chains, n_draws)
        What the answer rests on: N, and the log of expected hidden persons.
    statistics : mapping of str to ndarray, shape (n_chains, n_draws)
        Of a Hamiltonian sampler: `diverging` and `energy`; empty for others.
    others : sequence of ndarray, shape (n_chains, n_draws, n)
        Further parameters, for `r_hat_max` alone.

    Returns
    -------
    dict
        r_hat (rank-normalised), ess_bulk, ess_tail, n_divergences, e_bfmi, r_hat_max, n_chains, n_draws.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Buerkner (2021), doi:10.1214/20-BA1221.
    """
    series = list(watched.values())
    r_hats = [_figure(az.rhat, x) for x in series]
    every = [*series, *(part[..., j] for part in others for j in range(part.shape[-1]))]
    of_sampler = {}
    if statistics:
        of_sampler = {
            "n_divergences": float(statistics["diverging"].sum()),
            "e_bfmi": min(_bfmi(chain) for chain in statistics["energy"]),
        }
    return {
        "r_hat": max(r_hats),
        "ess_bulk": min(_figure(az.ess, x, method="bulk") for x in series),
        "ess_tail": min(_figure(az.ess, x, method="tail", prob=(0.05, 0.95)) for x in series),
        **of_sampler,
        "r_hat_max": max(_figure(az.rhat, x) for x in every),
        "n_chains": float(series[0].shape[0]),
        "n_draws": float(series[0].shape[1]),
    }


def faults(diagnostics: Mapping[str, float]) -> tuple[str, ...]:
    """Why the draws cannot be trusted, one sentence each; empty when they can."""
    n_all = diagnostics["n_chains"] * diagnostics["n_draws"]
    found = []
    if not diagnostics["r_hat"] <= MAX_R_HAT:
        found.append(f"the chains do not agree: R-hat {diagnostics['r_hat']:.4f}, at most {MAX_R_HAT}")
    for kind in ("bulk", "tail"):
        size = diagnostics[f"ess_{kind}"]
        if not size >= MIN_ESS:
            found.append(f"the {kind} effective sample size of N is {size:.0f}, at least {MIN_ESS:.0f}")
    if diagnostics.get("n_divergences", 0) > MAX_DIVERGENT_SHARE * n_all:
        found.append(
            f"{diagnostics['n_divergences']:.0f} of {n_all:.0f} draws diverged, at most {MAX_DIVERGENT_SHARE:.0%}"
        )
    if not diagnostics.get("e_bfmi", MIN_BFMI) >= MIN_BFMI:
        found.append(f"the energy moves slowly: E-BFMI {diagnostics['e_bfmi']:.2f}, at least {MIN_BFMI}")
    return tuple(found)


def refuse_unless_converged(model: str, diagnostics: Mapping[str, float], advice: str) -> None:
    """Raise `NotConverged`, with the figures, when the draws cannot be trusted."""
    found = faults(diagnostics)
    if found:
        ess = min(diagnostics["ess_bulk"], diagnostics["ess_tail"])
        refusal = NotConverged.of(model, r_hat=diagnostics["r_hat"], ess=ess, advice=advice)
        raise NotConverged(str(refusal), reasons=found)


def cautions(diagnostics: Mapping[str, float]) -> tuple[str, ...]:
    """What a reader should know of draws that can be trusted."""
    found = []
    if diagnostics.get("n_divergences"):
        found.append(f"{diagnostics['n_divergences']:.0f} draws diverged")
    if diagnostics["r_hat_max"] > MAX_R_HAT:
        found.append(f"N is settled, but not every single parameter: largest R-hat {diagnostics['r_hat_max']:.3f}")
    return tuple(found)


def posterior_tree(
    groups: Mapping[str, Mapping[str, Array]],
    *,
    coords: Mapping[str, Sequence[str]],
    dims: Mapping[str, Sequence[str]],
) -> Any:
    """The ArviZ tree of these groups, without clock times; counts are whole numbers, as ArviZ asks of discrete data."""
    whole = {
        name: {"count": groups[name]["count"].astype(np.int64)} for name in ("posterior_predictive", "observed_data")
    }
    tree = az.from_dict(
        {name: {**group, **whole.get(name, {})} for name, group in groups.items()},
        coords={name: list(values) for name, values in coords.items()},
        dims={name: list(values) for name, values in dims.items()},
    )
    for node in tree.subtree:
        node.attrs = {}
    return tree


def write_tree(tree: Any, path: Path) -> None:
    """Write a tree as netCDF; the same tree gives the same bytes."""
    buffer = io.BytesIO()
    tree.to_netcdf(buffer, engine="h5netcdf")
    write_bytes(path, buffer.getvalue())


def _figure(measure: Any, series: Array, **options: object) -> float:
    """A diagnostic of one quantity; NaN, which is never good enough, when it cannot be computed."""
    if series.shape[1] < 4 or np.ptp(series) == 0:
        return float("nan")
    return float(measure(series, **options))


def _bfmi(energy: Array) -> float:
    """Estimated Bayesian fraction of missing information of one chain: Betancourt (2016), arXiv:1604.00695."""
    spread = float(np.var(energy))
    return float(np.mean(np.diff(energy) ** 2) / spread) if spread > 0 else float("nan")
