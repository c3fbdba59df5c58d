"""The public names: sorted, few, documented with an example and a reference, typed, and without catch-all arguments."""

import inspect
import subprocess
import sys

import pytest

import mse

FUNCTIONS = [name for name in mse.__all__ if inspect.isfunction(getattr(mse, name))]
NOT_ESTIMATORS = {
    "encode", "link", "load_dataset", "plot_agreement", "plot_distinct_persons", "plot_estimates", "plot_linkage_prior",
    "plot_match_weights", "plot_overlaps", "plot_prior", "plot_stability", "plot_thresholds", "plot_upset",
    "read_histories", "read_register", "run_study", "simulate_norway", "to_frame", "write_report",
}  # fmt: skip
TAKES_A_SEED = {
    "bayes_averaging", "bayes_loglinear", "bayes_threshold", "feasibility", "latent_class", "leave_one_list_out",
    "leave_one_out", "link", "multilevel",
    "propagate",
    "simulate_norway", "stability_curve",
}  # fmt: skip


def test_the_names_are_sorted_and_few() -> None:
    """A newcomer reads them at a glance."""
    assert list(mse.__all__) == sorted(mse.__all__)
    assert len(mse.__all__) <= 50


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_is_documented_and_typed(name: str) -> None:
    """Parameters, an example that runs (the doctests run it), full types, options by keyword, no **kwargs."""
    function = getattr(mse, name)
    doc = inspect.getdoc(function) or ""
    assert "Parameters\n" in doc
    assert ">>> " in doc
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty, parameter
        assert parameter.kind not in {inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL}, parameter
    positional = [p for p in signature.parameters.values() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    assert len(positional) <= 2


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - NOT_ESTIMATORS))
def test_an_estimator_cites_its_paper(name: str) -> None:
    """With a DOI."""
    doc = inspect.getdoc(getattr(mse, name)) or ""
    assert "References\n" in doc
    assert "doi:10." in doc


@pytest.mark.parametrize("name", sorted(TAKES_A_SEED))
def test_randomness_needs_a_seed(name: str) -> None:
    """Without a default, so that nobody draws without knowing it."""
    assert inspect.signature(getattr(mse, name)).parameters["seed"].default is inspect.Parameter.empty


def test_importing_the_package_imports_no_sampler_and_no_linker() -> None:
    """`import mse` is quick; each name is imported when it is first used."""
    code = "import sys, mse; print(sorted({'pymc', 'splink', 'numba', 'pandas', 'matplotlib'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
