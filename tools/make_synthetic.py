"""Write data/synthetic anew: the committed scenarios and their README."""

from pathlib import Path

from mse.synthetic.committed import write_committed

if __name__ == "__main__":
    write_committed(Path(__file__).parent.parent / "data" / "synthetic")
