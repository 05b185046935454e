"""YAML that is no mapping, repeats keys or is broken; faults of schemas in one sentence."""

import re

import pytest
from pydantic import Field

from common.errors import Refused
from common.suite import yaml
from common.suite.settings import Strict


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "file.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return yaml.read(path)

    return read


def test_a_mapping_is_read_with_its_anchors_and_merges(read):
    text = "base: &base {lr: 0.1, steps: 5}\nsame: *base\nmore: {<<: *base, steps: 7}\n"
    assert read(text) == {
        "base": {"lr": 0.1, "steps": 5},
        "same": {"lr": 0.1, "steps": 5},
        "more": {"lr": 0.1, "steps": 7},
    }


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("a: 1\nb: 2\na: 3\n", "file.yaml line 3: the key 'a' is given twice"),
        ("a:\n  b: {c: 1, c: 2}\n", "file.yaml line 2: the key 'c' is given twice"),
        ("- a\n- b\n", "file.yaml: must hold a mapping of names to entries"),
        ("just words\n", "file.yaml: must hold a mapping of names to entries"),
        ("", "file.yaml: must hold a mapping of names to entries"),
        (b"a: \xff\xfe\n", "file.yaml: not a text file in UTF-8"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(read, text, sentence):
    with pytest.raises(Refused) as refused:
        read(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    "text, line",
    [("a: 1\nb: [1, 2\nc: 3\n", 3), ("a: 1\n\tb: 2\n", 2), ("a: 'open\n", 2), ("a: b: c\n", 1)],
)
def test_broken_yaml_is_refused_with_its_line(read, text, line):
    with pytest.raises(Refused, match=rf"^file\.yaml line {line}: \w+"):
        read(text)


@pytest.mark.parametrize("text", ["? [a, b]\n: 1\n", "? {a: 1}\n: 1\n"])
def test_a_key_that_is_no_name_is_refused(read, text):
    with pytest.raises(Refused, match=r"^file\.yaml line 1: .*key"):
        read(text)


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.getcwd []", "!mine 3"])
def test_nothing_but_plain_yaml_is_built(read, tag):
    with pytest.raises(Refused, match=r"^file\.yaml line 1: "):
        read(f"a: {tag}\n")


def test_a_missing_file_is_refused_by_the_name_shown(tmp_path):
    with pytest.raises(Refused) as refused:
        yaml.read(tmp_path / "none.yaml", "papers/x/experiments.yaml")
    assert str(refused.value) == "papers/x/experiments.yaml: no such file"


@pytest.mark.parametrize("name", ["My-Paper", "my paper", "", "é", "a.b", 5, None])
def test_bad_names_are_refused(name):
    message = f"papers/: paper {name!r} must be made of a-z, 0-9 and _ alone"
    with pytest.raises(Refused, match=f"^{re.escape(message)}$"):
        yaml.check_name(name, "paper", "papers/")


def test_good_names_pass():
    assert yaml.check_name("table1_lenet5", "experiment", "here") == "table1_lenet5"


def test_an_unknown_key_is_refused_with_the_nearest():
    yaml.check_keys(["model"], ["model", "data"], "here")
    with pytest.raises(Refused) as refused:
        yaml.check_keys(["model", "modl"], ["model", "data"], "here")
    assert str(refused.value) == (
        "here: unknown key 'modl', did you mean 'model'? Known: data, model"
    )


class Inner(Strict):
    share: float = Field(gt=0, le=1)
    count: int = 1


class Outer(Strict):
    inner: Inner = Inner(share=1)
    names: list[str] = []


def test_content_that_fits_is_parsed():
    parsed = yaml.parse(Outer, {"inner": {"share": 0.5}}, "here")
    assert (parsed.inner.share, parsed.inner.count) == (0.5, 1)


@pytest.mark.parametrize(
    "content, sentence",
    [
        ({"inner": {"share": 2}}, "here: inner.share 2: Input should be less than or equal to 1"),
        (
            {"inner": {"share": 0.5, "cuont": 3}},
            "here: unknown key 'inner.cuont', did you mean 'inner.count' or 'inner.share'? "
            "Known: inner.count, inner.share",
        ),
        ({"iner": {}}, "here: unknown key 'iner', did you mean 'inner'? Known: inner, names"),
        ({"inner": {}}, "here: inner.share: Field required"),
        ({"names": ["a", 5]}, "here: names.1 5: Input should be a valid string"),
    ],
)
def test_the_first_fault_is_named(content, sentence):
    with pytest.raises(Refused) as refused:
        yaml.parse(Outer, content, "here")
    assert str(refused.value) == sentence
