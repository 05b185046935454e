"""A user's criterion from a file."""

import pytest
from pruning_nets import mlp

from common.errors import Refused
from common.pruning import load_criterion, prune


def test_a_function_in_a_file(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        "def largest(model, batches, loss):\n"
        "    return {name: p.abs() for name, p in model.named_parameters()}\n"
    )
    found = load_criterion(f"{file}:largest")
    assert prune(mlp(), found, 0.2) == prune(mlp(), "magnitude", 0.2)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("mine.py", "must read file.py:function"),
        ("mine.txt:f", "must read file.py:function"),
        ("mine.py:not a name", "must read file.py:function"),
        ("absent.py:f", "there is no file absent.py"),
    ],
)
def test_a_wrong_address_is_refused(where, message):
    with pytest.raises(Refused, match=message):
        load_criterion(where)


def test_what_the_file_lacks_is_refused(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("value = 3\n")
    for name in ("value", "absent"):
        with pytest.raises(Refused, match=f"defines no function '{name}'"):
            load_criterion(f"{file}:{name}")
    file.write_text("import no_such_module_at_all\n")
    with pytest.raises(Refused, match="ModuleNotFoundError"):
        load_criterion(f"{file}:f")
