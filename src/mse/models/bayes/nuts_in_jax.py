"""Draws by NumPyro's No-U-Turn sampler, the extra `[jax]`: a third sampler of the same density."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mse.errors import BadInput

__all__ = ["numpyro_draws"]

type Array = NDArray[np.float64]
type Density = Callable[[Array], tuple[float, Array]]

STATISTICS = {
    "diverging": "diverging",
    "energy": "energy",
    "num_steps": "n_steps",
    "accept_prob": "acceptance_rate",
    "adapt_state.step_size": "step_size",
}


def numpyro_draws(
    density: Density, starts: Array, *, n_draws: int, n_tune: int, seed: int, target_acceptance: float
) -> tuple[Array, dict[str, Array]]:
    """Positions (n_chains, n_draws, n_coordinates) and the sampler's statistics (n_chains, n_draws) by name.

    Raises
    ------
    BadInput
        When NumPyro is not installed.
    """
    if find_spec("numpyro") is None:
        raise BadInput(
            "sampler='numpyro' needs NumPyro, which is not here; install this package with [jax], or leave sampler at "
            "'pymc'"
        )
    import jax
    from numpyro.infer import MCMC, NUTS

    n_chains = len(starts)
    with _doubles(jax):
        kernel = NUTS(potential_fn=_potential(jax, density, starts.shape[1]), target_accept_prob=target_acceptance)
        chains = MCMC(
            kernel,
            num_warmup=n_tune,
            num_samples=n_draws,
            num_chains=n_chains,
            chain_method="sequential",
            progress_bar=False,
        )
        first = jax.numpy.asarray(starts)
        chains.run(jax.random.PRNGKey(seed), init_params=first, extra_fields=tuple(STATISTICS))
        positions = np.array(chains.get_samples(group_by_chain=True))
        fields = chains.get_extra_fields(group_by_chain=True)
        return positions, {name: np.array(fields[field]) for field, name in STATISTICS.items()}


@contextmanager
def _doubles(jax: Any) -> Iterator[None]:
    """Double precision for this run: a callback is on a thread that JAX's own context for it does not reach."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


def _potential(jax: Any, density: Density, n_coordinates: int) -> Any:
    """Minus the log density for JAX, which calls back for value and gradient."""
    shapes = (
        jax.ShapeDtypeStruct((), np.float64),
        jax.ShapeDtypeStruct((n_coordinates,), np.float64),
    )

    def call(position: Any) -> tuple[Array, Array]:
        value, gradient = density(np.asarray(position))
        return np.asarray(-value), -gradient

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def potential(position: Any) -> Any:
        return jax.pure_callback(call, shapes, position)[0]

    potential.defvjp(
        lambda position: jax.pure_callback(call, shapes, position),
        lambda gradient, cotangent: (cotangent * gradient,),
    )
    return potential
