"""The synthetic data that the repository carries: both scenarios under the committed seed, and the README on them."""

from pathlib import Path

from mse.synthetic.comparison import readme_text
from mse.synthetic.scenario import COMMITTED_SEED, COMMITTED_TRUE_N, SCENARIOS, simulate_norway
from mse.writing import write_text

__all__ = ["write_committed"]


def write_committed(folder: Path) -> None:
    """Write every scenario to a folder of its own name, and `README.md` beside them."""
    made = [simulate_norway(scenario=name, true_n=COMMITTED_TRUE_N, seed=COMMITTED_SEED) for name in SCENARIOS]
    for norway in made:
        norway.write(folder / norway.scenario)
    write_text(folder / "README.md", readme_text(*made))
