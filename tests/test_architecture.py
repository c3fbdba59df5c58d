"""The layers point one way, no import cycle exists, and no module bears the name of a public function."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import mse

SOURCE = Path(mse.__file__).parent
LAYERS = {
    "errors": 0, "progress": 0, "provenance": 0, "writing": 0,
    "identifiers": 1, "interval": 1, "workers": 1,
    "estimate": 2, "registers": 2, "links": 2,
    "pseudonyms": 3,
    "linkage": 4, "synthetic": 4,
    "histories": 5,
    "estimability": 6, "datasets": 6,
    "models": 7,
    "propagation": 8, "robustness": 8,
    "report": 9, "reproduce": 9,
    "study": 10,
    "cli": 11,
}  # fmt: skip
MODULES = sorted(path for path in SOURCE.rglob("*.py"))
TOP = ("__init__", "__main__")


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path): path for path in MODULES}


def _imports(path: Path) -> set[str]:
    """Modules of the package that a file imports, also inside functions; importing a name counts its module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in NAMES}
        elif isinstance(node, ast.ImportFrom) and node.module in NAMES:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES.keys()
            found |= inner or {node.module}
    return found - {_name(path)}


def _room(name: str) -> str:
    return name.split(".")[1]


@pytest.mark.parametrize("path", [p for p in MODULES if p.stem not in TOP or p.parent != SOURCE], ids=_name)
def test_imports_point_to_lower_layers(path: Path) -> None:
    """Between folders and top-level modules an import goes strictly downward, deferred imports counted."""
    own = _room(_name(path))
    for other in _imports(path) - {"mse"}:
        if _room(other) != own:
            assert LAYERS[_room(other)] < LAYERS[own], f"{_name(path)} imports {other}"


def test_every_room_has_a_layer() -> None:
    """A new folder or top-level module must be given its layer here and in ARCHITECTURE.md."""
    rooms = {_room(name) for name in NAMES if name != "mse"} - set(TOP)
    assert rooms <= LAYERS.keys()


def test_there_is_no_import_cycle() -> None:
    """The graph of all imports, deferred ones and packages' own re-exports included, has an order."""
    graph = {name: _imports(path) - {"mse"} for name, path in NAMES.items() if name != "mse"}
    assert list(TopologicalSorter(graph).static_order())


def test_no_module_bears_the_name_of_a_public_function() -> None:
    """`mse.x.feasibility` as a module would shadow `mse.feasibility` for a reader."""
    stems = {path.stem for path in MODULES}
    assert not stems & {name for name in mse.__all__ if callable(getattr(mse, name))}


def test_the_layer_table_of_the_architecture_page_is_this_one() -> None:
    """ARCHITECTURE.md lists every room with its layer."""
    page = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text("utf-8")
    for room, layer in LAYERS.items():
        if (SOURCE / room).exists() or (SOURCE / f"{room}.py").exists():
            assert any(f"`{room}`" in line and line.startswith(f"| {layer} |") for line in page.splitlines()), room
