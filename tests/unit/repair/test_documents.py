"""Documents are brought into their form: what is surely meant is changed in its place, all else stays byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from janitor.domain.repair.diff import read_diff
from janitor.domain.repair.gate import refusal_of
from janitor.domain.repair.hunks import patched
from janitor.domain.repair.json_edit import JsonEditError, JsonText, without_trailing_commas
from janitor.domain.repair.proposal import Abstained, Proposal
from janitor.inspection.documents.hub_file import hub_problems
from janitor.inspection.documents.tests_file import read_tests
from janitor.protocol.terms.statuses import CheckName, CheckStatus
from janitor.services.repair.propose import propose
from janitor.services.repair.world import World
from tests.corpus.workers import BASE
from tests.support.repairs import failure_of, judged
from tests.support.reports import check_of

HUB = """\
{
    "title": "Worker",
    "description": "Counts words",
    "type": "serverless",
    "category": "language",
    "config": {"runsOn": "GPU", "containerDiskInGb": 20, "gpuCount": 1,
               "gpuIds": "ADA_24"}
}
"""
TESTS = '{"tests": [{"name": "a", "input": {"text": "x"}, "timeout": 20000}], "config": {"gpuTypeId": "NVIDIA L40"}}\n'


def proposed(folder: Path, path: str, content: str, check: CheckName) -> Proposal | Abstained:
    for name, text in {**BASE, path: content}.items():
        assert text is not None
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    red = judged(check_of(check.value, CheckStatus.FAIL, code="invalid", reason="it breaks its form"))
    return propose(failure_of(red), folder, World())


def after(folder: Path, found: Proposal | Abstained) -> str:
    """The one file that changes, after it; the gate lets it pass."""
    assert isinstance(found, Proposal), found
    assert (found.by.value, found.name) == ("recipe", "documents")

    def read(path: str) -> bytes | None:
        return (folder / path).read_bytes() if (folder / path).is_file() else None

    assert refusal_of(found.patch, by=found.by, name=found.name, read=read) is None
    [file] = read_diff(found.patch.text)
    return patched((folder / file.path).read_text(), file.hunks)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"serverless"', '"Serverless"'),
        ('"language"', '"Language"'),
        ('"GPU"', '"gpu"'),
        ('"containerDiskInGb": 20', '"containerDiskInGB": 20'),
        ('"containerDiskInGb": 20', '"containerDiskInGb": "20"'),
        ('"gpuIds": "ADA_24"', '"gpuIds": "NVIDIA GeForce RTX 4090"'),
        ('"gpuIds": "ADA_24"', '"gpuIds": "RTX 4090"'),
        ('"gpuIds": "ADA_24"', '"gpuIds": "ada-24"'),
        ('"gpuIds": "ADA_24"', '"gpuIds": ["ADA_24"]'),
        ('"gpuIds": "ADA_24"', '"gpuId": "ADA_24"'),
    ],
)
def test_hub_json_becomes_what_it_was(tmp_path: Path, old: str, new: str) -> None:
    broken = HUB.replace(old, new)
    assert broken != HUB
    assert after(tmp_path, proposed(tmp_path, ".runpod/hub.json", broken, CheckName.HUB_SCHEMA)) == HUB


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (HUB.replace('"title": "Worker",', ""), "title is missing"),
        (HUB.replace('"language"', '"text"'), "category"),
        (HUB.replace("ADA_24", "NVIDIA L4"), "is a GPU type"),
        (HUB.replace("ADA_24", "VOLTA_9"), "no GPU pool"),
        (HUB.replace('"title": "Worker",', '"title": "Worker'), "it is no JSON"),
    ],
)
def test_what_is_meant_and_cant_be_told_is_left_alone(tmp_path: Path, broken: str, says: str) -> None:
    found = proposed(tmp_path, ".runpod/hub.json", broken, CheckName.HUB_SCHEMA)
    assert isinstance(found, Abstained), found
    assert found.reason.startswith("no model; documents: .runpod/hub.json: ")
    assert says in found.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("20000", "20"),
        ("20000", '"20000"'),
        ('"NVIDIA L40"', '"L40"'),
        ('"NVIDIA L40"', '"nvidia l40"'),
        ('"tests"', '"Tests"'),
    ],
)
def test_tests_json_becomes_what_it_was(tmp_path: Path, old: str, new: str) -> None:
    found = proposed(tmp_path, ".runpod/tests.json", TESTS.replace(old, new), CheckName.TESTS_SCHEMA)
    assert after(tmp_path, found) == TESTS


def test_a_missing_number_of_gpus_and_type_are_added(tmp_path: Path) -> None:
    broken = HUB.replace('"gpuCount": 1,', "").replace('    "type": "serverless",\n', "")
    text = after(tmp_path, proposed(tmp_path, ".runpod/hub.json", broken, CheckName.HUB_SCHEMA))
    assert hub_problems(json.loads(text)).found == []
    assert json.loads(text) == json.loads(HUB)


def test_variables_of_an_object_become_a_list(tmp_path: Path) -> None:
    broken = TESTS.replace('"config": {', '"config": {"env": {"A": 1, "B": true}, ')
    text = after(tmp_path, proposed(tmp_path, ".runpod/tests.json", broken, CheckName.TESTS_SCHEMA))
    reading = read_tests(json.loads(text))
    assert reading.plan is not None
    assert reading.plan.environment == {"A": "1", "B": "true"}


def test_a_job_gets_its_input(tmp_path: Path) -> None:
    text = after(tmp_path, proposed(tmp_path, "test_input.json", '{\n  "text": "a b"\n}\n', CheckName.TEST_INPUT))
    assert json.loads(text) == {"input": {"text": "a b"}}
    assert text == '{\n  "input": {\n    "text": "a b"\n  }\n}\n'


def test_commas_too_many_go(tmp_path: Path) -> None:
    broken = HUB.replace('"ADA_24"}', '"ADA_24",}')
    assert after(tmp_path, proposed(tmp_path, ".runpod/hub.json", broken, CheckName.HUB_SCHEMA)) == HUB
    assert without_trailing_commas('{"a": "x,]", "b": [1, 2,\n],}') == '{"a": "x,]", "b": [1, 2\n]}'


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(HUB.replace("GPU", "gpu"))
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "hub.json").symlink_to(outside)
    red = judged(check_of("hub_schema", CheckStatus.FAIL, code="hub_invalid", reason="it breaks its form"))
    found = propose(failure_of(red), tree, World())
    assert isinstance(found, Abstained)
    assert outside.read_text() == HUB.replace("GPU", "gpu")


@pytest.mark.parametrize(
    "text", ['{"a": [1, {"b": "x\\"y"}], "c": {}}', "[]", '{\n\t"a": {\n\t\t"b": null\n\t}\n}\n', "1"]
)
def test_values_are_changed_in_their_places(text: str) -> None:
    document = JsonText(text)
    for path in [path for path in document._spans if path]:
        changed = JsonText(text)
        changed.set(path, "new")
        assert changed.value(path) == "new"
        changed.set(path, document.value(path))
        assert changed.document == document.document


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(JsonEditError, match="no JSON"):
        JsonText("{")
    with pytest.raises(JsonEditError, match="there is no"):
        JsonText("{}").set(("a",), 1)
    document = JsonText("{}")
    document.add((), "a", {"b": 1})
    assert document.text == '{"a": {"b": 1}}'
