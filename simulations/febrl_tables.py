"""The tables of the FEBRL study, from its rows."""

from pathlib import Path

import pandas as pd

from simulations import febrl
from simulations.markdown import table

__all__ = ["febrl_part"]

HEAD = ("set", "lists", "linked by", "precision", "recall", "F1", "distinct persons", "in truth")


def febrl_part(folder: Path) -> str:
    """Markdown of the study, one table for each choice of columns."""
    frames = {method: febrl.rows_of(method, folder).frame() for method in febrl.METHODS}
    parts = []
    for compared, columns in febrl.COMPARED.items():
        lines = [
            [
                f"FEBRL {setting.file}",
                "split" if setting.is_split else "one",
                method.title,
                *_cells(frames[name], place),
            ]
            for place, setting in enumerate(febrl.SETTINGS)
            if setting.compared == compared
            for name, method in febrl.METHODS.items()
            if place in frames[name].index
        ]
        parts.append(f"Compared: {compared} ({', '.join(columns)}).\n")
        parts.append(table(HEAD, lines) if lines else "No rows yet.\n")
    return "\n".join(parts)


def _cells(frame: pd.DataFrame, number: int) -> list[str]:
    row = frame.loc[number]
    truth = f"{row['n_persons_true']:,.0f}"
    if isinstance(row["refused"], str):
        return ["refused", "", "", "", truth]
    low, persons, high = (f"{row[name]:,.0f}" for name in ("n_persons_low", "n_persons", "n_persons_high"))
    interval = persons if low == high else f"{persons} ({low} to {high})"
    return [*(f"{row[score]:.4f}" for score in ("precision", "recall", "f1")), interval, truth]
