"""Draws from a density with a gradient by a No-U-Turn sampler: PyMC's, nutpie or NumPyro; chains run one by one."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.compile.mode import Mode
from pytensor.graph.basic import Apply
from pytensor.graph.op import Op

from mse.errors import BadInput
from mse.models.bayes.nuts_in_jax import numpyro_draws

__all__ = ["SAMPLERS", "nuts_draws"]

type Array = NDArray[np.float64]
type Density = Callable[[Array], tuple[float, Array]]

SAMPLERS = ("pymc", "nutpie", "numpyro")
TARGET_ACCEPTANCE = 0.9
# Starts lie this far apart, in units of about one posterior standard deviation, so that R-hat can see a second mode.
START_RANGE = 2.0
# What the samplers keep, without their clocks.
STATISTICS = ("diverging", "energy", "tree_depth", "n_steps", "step_size", "acceptance_rate", "lp", "logp", "depth")


class _LogDensity(Op):  # type: ignore[misc]
    """A log density and its gradient, computed outside PyTensor."""

    def __init__(self, density: Density) -> None:
        self.density = density

    def make_node(self, position: Any) -> Apply:
        return Apply(self, [pt.as_tensor_variable(position)], [pt.dscalar(), pt.dvector()])

    def perform(self, node: Apply, inputs: Any, output_storage: Any) -> None:
        value, gradient = self.density(inputs[0])
        output_storage[0][0], output_storage[1][0] = np.asarray(value), gradient

    def pullback(self, inputs: Any, outputs: Any, cotangents: Any) -> list[Any]:
        return [cotangents[0] * outputs[1]]


def nuts_draws(
    density: Density, n_coordinates: int, *, n_draws: int, n_tune: int, n_chains: int, seed: int, sampler: str = "pymc"
) -> tuple[Array, Mapping[str, Array]]:
    """Positions (n_chains, n_draws, n_coordinates) and the sampler's statistics (n_chains, n_draws) by name."""
    if sampler not in SAMPLERS:
        raise BadInput.option("sampler", sampler, SAMPLERS)
    streams = np.random.SeedSequence(seed)
    starts = np.random.default_rng(streams).uniform(-START_RANGE, START_RANGE, (n_chains, n_coordinates))
    chain_seeds = [int(s) for s in streams.spawn(1)[0].generate_state(n_chains)]
    with warnings.catch_warnings():
        # The caller judges convergence by the draws; a library's warning about it would reach nobody.
        warnings.simplefilter("ignore")
        if sampler == "numpyro":
            return numpyro_draws(
                density,
                starts,
                n_draws=n_draws,
                n_tune=n_tune,
                seed=chain_seeds[0],
                target_acceptance=TARGET_ACCEPTANCE,
            )
        draw = _by_pymc if sampler == "pymc" else _by_nutpie
        tree = draw(density, starts, n_draws=n_draws, n_tune=n_tune, seeds=chain_seeds)
    statistics = {
        {"depth": "tree_depth", "logp": "lp"}.get(name, name): tree["sample_stats"][name].to_numpy()
        for name in STATISTICS
        if name in tree["sample_stats"]
    }
    return tree["posterior"]["position"].to_numpy(), statistics


def _by_pymc(density: Density, starts: Array, *, n_draws: int, n_tune: int, seeds: list[int]) -> Any:
    with pm.Model():
        position = pm.Flat("position", shape=starts.shape[1])
        pm.Potential("log_density", _LogDensity(density)(position)[0])
        return pm.sample(
            draws=n_draws,
            tune=n_tune,
            chains=len(seeds),
            cores=1,
            random_seed=seeds,
            nuts_sampler="pymc",
            init="adapt_diag",
            initvals=[{"position": start} for start in starts],
            target_accept=TARGET_ACCEPTANCE,
            progressbar=False,
            quiet=True,
            compute_convergence_checks=False,
            # The density is compiled already; PyTensor has only to call it.
            compile_kwargs={"mode": Mode(linker="py", optimizer="fast_compile")},
        )


def _by_nutpie(density: Density, starts: Array, *, n_draws: int, n_tune: int, seeds: list[int]) -> Any:
    import nutpie
    from nutpie.compiled_pyfunc import from_pyfunc

    def call(position: Array) -> tuple[float, Array]:
        value, gradient = density(position)
        return float(value), np.asarray(gradient)

    def expand(position: Array) -> dict[str, Array]:
        return {"position": np.array(position)}

    n = starts.shape[1]
    model = from_pyfunc(n, lambda: call, lambda *_: expand, [np.dtype(np.float64)], [(n,)], ["position"])
    return nutpie.sample(
        model,
        draws=n_draws,
        tune=n_tune,
        chains=len(seeds),
        cores=1,
        seed=seeds[0],
        target_accept=TARGET_ACCEPTANCE,
        progress_bar=False,
    )
