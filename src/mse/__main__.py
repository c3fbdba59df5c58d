"""`python -m mse` is the command `mse`."""

from mse.cli import main

if __name__ == "__main__":
    main()
