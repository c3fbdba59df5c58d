"""Draw docs/estimates.svg, the picture of the README: one table, several models, and why one is not an answer."""

from pathlib import Path

import matplotlib as mpl

import mse

OUT = Path(__file__).parents[1] / "docs" / "estimates.svg"


def main() -> None:
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "mse", "svg.fonttype": "none"})
    table = mse.load_dataset("UKdat_5")
    estimates = [
        mse.fit_loglinear(table, "independence"),
        mse.select_loglinear(table, by="aic"),
        mse.select_loglinear(table, max_order=2),
        mse.select_loglinear(table),
        mse.select_loglinear(table, n_boot=1000, seed=1),
    ]
    axes = mse.plot_estimates(estimates)
    axes.figure.set_size_inches(10, 2.8)
    axes.figure.savefig(OUT, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main()
