"""Where a number came from: versions, seed, options and the hash of the input. Never a clock time."""

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from types import MappingProxyType

__all__ = ["record", "sha256_of", "sha256_of_file", "versions"]

DISTRIBUTION = "mse-prevalence"
REPORTED = ("numpy", "scipy", "pandas", "statsmodels", "numba", "pymc", "arviz", "splink", "duckdb")


@cache
def versions() -> Mapping[str, str]:
    """Versions of the package, of Python and of what computes, by name."""
    found = {"mse": _version(DISTRIBUTION), "python": python_version()}
    return MappingProxyType(found | {name: _version(name) for name in REPORTED})


def record(
    *, input_sha256: str | None = None, seed: int | None = None, options: Mapping[str, object] | None = None
) -> Mapping[str, object]:
    """The provenance of one result: a read-only mapping of versions, input hash, seed and options."""
    return MappingProxyType(
        {
            "versions": dict(versions()),
            "input_sha256": input_sha256,
            "seed": seed,
            "options": dict(options or {}),
        }
    )


def sha256_of(*parts: bytes) -> str:
    """SHA-256 of the parts, each preceded by its length so that no two splits collide."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.hexdigest()


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
