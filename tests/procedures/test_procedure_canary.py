"""Law 12: results do not change without a new version of their procedure or measure."""

import canary
import pytest

from common import names


def test_every_procedure_has_a_canary():
    missing = set(names.PROCEDURES) - set(canary.ARMS)
    assert not missing, f"add arms of {missing} to tests/procedures/canary.py"


@pytest.mark.parametrize("name", [*canary.ARMS, *canary.MEASURES])
def test_results_change_only_with_the_version(name):
    version = canary.version(name)
    old = canary.stored().get(name)
    assert old and old["version"] == version, (
        f"{name} is version {version} now: run `python -m tests.procedures.canary`"
    )
    assert canary.measure(name) == old["values"], (
        f"{name} gives other results than version {version} did; if that is meant, bump its "
        "version in common/names.py and run `python -m tests.procedures.canary`"
    )


def test_changed_results_are_not_written_under_the_old_version(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(canary, "FILE", tmp_path / "canary.json")
    monkeypatch.setattr(canary, "ARMS", {"analyse_masks": canary.ARMS["analyse_masks"]})
    monkeypatch.setattr(canary, "MEASURES", [])
    assert canary.main() == 0
    written = canary.FILE.read_bytes()
    monkeypatch.setattr(canary, "measure", lambda name: {"snip": {"0 mask kept": "1"}})
    assert canary.main() == 1
    assert "bump its version in common/names.py" in capsys.readouterr().out
    assert canary.FILE.read_bytes() == written
    code, version, trains = names.PROCEDURES["analyse_masks"]
    monkeypatch.setitem(names.PROCEDURES, "analyse_masks", (code, version + 1, trains))
    assert canary.main() == 0
    assert canary.stored()["analyse_masks"]["version"] == version + 1
