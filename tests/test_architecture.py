"""The shape of `common/`: file sizes, what imports what, docstrings, entry points, names."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from common import names

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "common").rglob("*.py"))
ENTRIES = [
    path
    for path in FILES
    if path.parent.name == "common" or path.name == "__main__.py"
    if 'if __name__ == "__main__"' in path.read_text()
]

# What each room may import besides itself and the modules that serve all.
SERVE_ALL = {
    "cells", "errors", "files", "names", "datafiles", "products", "store", "verdicts",
}  # fmt: skip
ROOMS = {
    "suite": set(),
    "data": set(),
    "models": set(),
    "pruning": {"models"},
    "training": {"models", "pruning", "data"},
    "isometry": set(),
    "similarity": set(),
    "procedures": {"data", "models", "pruning", "training", "isometry", "similarity"},
    "audit": {"suite"},
    "report": {"suite", "audit"},
    "battery": {
        "data",
        "models",
        "pruning",
        "training",
        "procedures",
        "suite",
        "audit",
        "report",
        "benchmarks",
    },
    "benchmarks": {"data", "models", "pruning", "training", "procedures", "suite"},
}
# What these rooms must not need from the start; a function may import what it alone needs.
WITHOUT = {
    "suite": {"torch", "torchvision", "timm", "pandas", "snakemake", "scipy", "sklearn"},
    "audit": {"torch", "torchvision", "timm", "snakemake"},
    "report": {"torch", "torchvision", "timm", "snakemake"},
    "data": {"pydantic", "pandas", "snakemake", "torchvision", "timm"},
    "pruning": {"pydantic", "pandas", "snakemake", "torchvision", "timm"},
    "training": {"pydantic", "pandas", "snakemake", "torchvision", "timm"},
    "procedures": {"pydantic", "pandas", "snakemake", "torchvision", "timm"},
}


def shown(path):
    return str(path.relative_to(ROOT))


def module(path):
    """The dotted name of a file: common/data/idx.py -> common.data.idx."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module(path): path for path in FILES}


@cache
def tree(path):
    return ast.parse(path.read_text())


def statements(body, inside):
    """The import statements below `body`, in functions too if `inside`; not those for types."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not inside:
            continue
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            yield from statements(ast.iter_child_nodes(node), inside)


@cache
def imported(path, inside=True):
    """The modules that a file imports: of `common` the very files, of others the full name."""
    found = set()
    for node in statements(tree(path).body, inside):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(path)}: relative import"
            names_of = {f"{node.module}.{alias.name}" for alias in node.names}
            # A name is a module of its own (from common.suite import yaml) or is in one.
            found |= {name if name in MODULES else str(node.module) for name in names_of}
    return found


def room(name):
    """The room of a module, or the module itself where it stands in common/ directly."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else None


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_no_file_is_over_400_lines(path):
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", [path for path in FILES if room(module(path)) in ROOMS], ids=shown)
def test_a_room_imports_only_what_its_row_lists(path):
    own = room(module(path))
    used = {room(name) for name in imported(path) if name.split(".")[0] == "common"} - {None}
    assert used <= {own} | ROOMS[own] | SERVE_ALL


def test_every_folder_is_a_room():
    folders = {path.parent.name for path in FILES if path.parent.parent == ROOT / "common"}
    assert folders <= set(ROOMS), "give the room its row in ROOMS and in the design"


@pytest.mark.parametrize("name", sorted(SERVE_ALL))
def test_what_serves_all_imports_no_room(name):
    used = {room(one) for one in imported(MODULES[f"common.{name}"]) if one.startswith("common")}
    assert used <= SERVE_ALL | {None}


def test_names_imports_nothing():
    assert imported(MODULES["common.names"]) <= {"__future__"}


@pytest.mark.parametrize("name", WITHOUT)
def test_a_room_starts_without_heavy_libraries(name):
    own = [path for path in FILES if room(module(path)) == name]
    used = {one.split(".")[0]: shown(path) for path in own for one in imported(path, inside=False)}
    assert not {heavy: used[heavy] for heavy in WITHOUT[name] & set(used)}


def test_there_are_no_import_cycles():
    graph = {name: imported(path) & set(MODULES) - {name} for name, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("imports go in a circle: " + " -> ".join(error.args[1]))


def test_rooms_do_not_import_each_other_in_a_circle():
    graph = {}
    for name, path in MODULES.items():
        others = {room(one) for one in imported(path) if one.startswith("common.")}
        graph.setdefault(room(name), set()).update(others - {room(name)})
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail("rooms import each other in a circle: " + " -> ".join(error.args[1]))


@pytest.mark.parametrize("path", [path for path in FILES if path.name == "__init__.py"], ids=shown)
def test_an_init_names_what_it_re_exports_and_does_nothing_else(path):
    exported, listed = [], []
    for node in tree(path).body[1:]:
        if isinstance(node, ast.ImportFrom):
            exported += [alias.asname or alias.name for alias in node.names]
        else:
            assert isinstance(node, ast.Assign), ast.unparse(node)
            assert [target.id for target in node.targets] == ["__all__"]
            listed = ast.literal_eval(node.value)
    assert sorted(set(exported) - {"annotations"}) == sorted(listed)


def public(body, prefix=""):
    """Every public function, class and method, by its dotted name."""
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("_"):
                continue
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body, f"{prefix}{node.name}.")


@pytest.mark.parametrize("path", FILES, ids=shown)
def test_everything_public_has_a_docstring(path):
    assert ast.get_docstring(tree(path)), "the module has none"
    bare = [name for name, node in public(tree(path).body) if not ast.get_docstring(node)]
    assert not bare


@pytest.mark.parametrize("path", ENTRIES, ids=shown)
def test_an_entry_point_parses_calls_and_writes(path):
    [main] = [node for name, node in public(tree(path).body) if name == "main"]
    assert len(path.read_text().splitlines()) <= 140
    assert main.end_lineno - main.body[1].lineno < 40, "move the work into a function of a room"


def test_the_entry_points_are_found():
    assert {"common/run.py", "common/go.py", "common/tables.py"} <= set(map(shown, ENTRIES))


REGISTRIES = {
    "MODELS": names.MODELS,
    "INITIALISERS": names.INITIALISERS,
    "DATA": names.DATA,
    "CRITERIA": names.CRITERIA,
    "MEASURES": names.MEASURES,
    "PROCEDURES": {name: entry[0] for name, entry in names.PROCEDURES.items()},
}


@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_registered_name_has_code(registry):
    for name, code in REGISTRIES[registry].items():
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
        where, _, function = code.partition(":")
        assert where in MODULES, f"{name}: no module {where}"
        assert function in defined(tree(MODULES[where])), f"{name}: {where} lacks {function}"


def defined(parsed):
    """The names that a module defines at its top level."""
    found = set()
    for node in parsed.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
    return found
