import urllib.error
import urllib.request
from pathlib import Path

import pytest
from synthetic_data import draw, mnist_files, sentence

from common import datafiles, fetch, files, names
from common.errors import Refused


@pytest.fixture
def small_mnist(put, root):
    """The md5s of a small MNIST whose files are not there; returns its files."""
    contents = mnist_files(draw(3, 28, 28), draw(2, 28, 28))
    put("mnist", contents)
    for path in contents:
        (root / path).unlink()
    return contents


def served(contents, calls):
    """A stand-in for a class of torchvision.datasets that downloads `contents`."""

    def download(root, download):
        assert download is True
        calls.append(root)
        for path, content in contents.items():
            (Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(root) / path).write_bytes(content)
        print("noise")

    return download


def test_a_download_is_checked_moved_and_not_repeated(small_mnist, root, monkeypatch, capsys):
    import torchvision.datasets

    calls = []
    monkeypatch.setattr(torchvision.datasets, "MNIST", served(small_mnist, calls))
    assert fetch.main(["mnist"]) == 0
    datafiles.check("mnist")
    assert capsys.readouterr().out == f"mnist: downloaded to {root}\n"
    assert fetch.main(["mnist"]) == 0
    assert capsys.readouterr().out == "mnist: nothing to do\n"
    assert len(calls) == 1
    assert [path.name for path in root.iterdir()] == ["MNIST"]


def test_a_corrupt_file_is_replaced(small_mnist, root, monkeypatch):
    import torchvision.datasets

    monkeypatch.setattr(torchvision.datasets, "MNIST", served(small_mnist, []))
    fetch.fetch("mnist")
    path = root / next(iter(small_mnist))
    path.write_bytes(b"broken")
    fetch.fetch("mnist")
    assert path.read_bytes() == next(iter(small_mnist.values()))


def test_a_wrong_download_is_refused(small_mnist, monkeypatch):
    import torchvision.datasets

    wrong = dict.fromkeys(small_mnist, b"another file")
    monkeypatch.setattr(torchvision.datasets, "MNIST", served(wrong, []))
    with pytest.raises(Refused, match="truncated or corrupt"):
        fetch.fetch("mnist")


@pytest.mark.parametrize("name", fetch.DOWNLOADERS)
def test_no_network_is_one_sentence(root, monkeypatch, capsys, name):
    def unreachable(*_, **__):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)
    assert fetch.main([name]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    last = err.strip().splitlines()[-1]
    assert last.startswith(f"error: data set {name!r} could not be downloaded (")
    assert "Name or service not known" in last and "check the network" in last
    assert str(root) in last and all(path in last for path in names.FILES[name])
    assert "Traceback" not in err
    assert list(root.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_sentence(small_mnist, root, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "file"))
    with pytest.raises(Refused) as refused:
        fetch.fetch("mnist")
    assert "could not be downloaded" in sentence(refused)


def test_sets_without_a_download_say_so(root, capsys):
    assert fetch.main(["digits"]) == 0
    assert capsys.readouterr().out == "digits: needs no download\n"
    assert fetch.main(["digits", "imagenet"]) == 2
    assert "image-net.org" in capsys.readouterr().err


def test_unknown_names_are_refused(root, capsys):
    assert fetch.main(["minst"]) == 2
    assert "did you mean 'mnist'" in capsys.readouterr().err


def test_every_set_with_checksums_has_a_downloader():
    assert set(fetch.DOWNLOADERS) == set(names.FILES)
    assert files.ROOT in Path(fetch.__file__).parents
