"""hub.json, tests.json and test_input.json: the documented forms, the older one, and what breaks in practice."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import PurePosixPath

import pytest

from janitor.inspection.documents.documents import load_json
from janitor.inspection.documents.hub_file import hub_problems
from janitor.inspection.documents.tests_file import read_github_tests, read_tests
from janitor.inspection.repository.gpu_ids import GPU_TYPES, POOLS
from janitor.inspection.repository.layout import read_layout
from janitor.inspection.tree import UnreadableError

HUB = {
    "title": "T",
    "description": "D",
    "type": "serverless",
    "category": "image",
    "config": {"runsOn": "GPU", "containerDiskInGb": 20, "gpuIds": "ADA_24,-NVIDIA L4", "gpuCount": 1},
}
TESTS = {
    "tests": [{"name": "basic", "input": {"prompt": "x"}, "timeout": 10000}],
    "config": {"gpuTypeId": "NVIDIA GeForce RTX 4090", "gpuCount": 1, "env": [{"key": "MODEL", "value": "tiny"}]},
}


def codes(problems) -> list[str]:
    return [problem.code for problem in problems.found]


class TestRealFiles:
    # gpuTypeId where gpuIds belongs: the one real hub.json here that the platform's rules refuse.
    REFUSED_HUBS = {"worker-tetra": ["gpu_type_for_pool"]}

    def test_hub_files(self, real_workers):
        found = {
            path.parent.parent.name: codes(hub_problems(json.loads(path.read_text())))
            for path in sorted(real_workers.glob("*/.runpod/hub.json"))
        }
        assert found
        assert {name: problems for name, problems in found.items() if problems} == self.REFUSED_HUBS

    def test_tests_files(self, real_workers):
        paths = sorted(real_workers.glob("*/.runpod/tests.json"))
        assert paths
        for path in paths:
            reading = read_tests(json.loads(path.read_text()))
            assert reading.problems.found == [], path
            assert reading.plan is not None
            assert all(case.limit is not None for case in reading.plan.cases)

    def test_older_tests_files(self, real_workers):
        paths = sorted(real_workers.glob("*/.github/tests.json"))
        assert paths
        plans = {}
        for path in paths:
            reading = read_github_tests(json.loads(path.read_text()))
            assert reading.problems.found == [], path
            plans[path.parent.parent.name] = reading.plan
        assert plans["llm-fine-tuning"].cases[0].expected == "Hello, Dolly!"
        commands = [case.command for case in plans["mock-worker"].cases]
        assert commands[2] == "python3 -u /handler.py --generator --return_aggregate_stream"
        assert plans["mock-worker"].cases[0].name == "runpod-python E2E Test - Basic"

    def test_environment_of_a_worker_that_needs_it(self, real_workers):
        path = real_workers / "worker-infinity-embedding" / ".runpod" / "tests.json"
        assert read_tests(json.loads(path.read_text())).plan.environment == {"MODEL_NAMES": "BAAI/bge-small-en-v1.5"}

    def test_gpu_names_are_those_of_the_platform(self, real_workers):
        listed = json.loads((real_workers / "gpu_types.json").read_text())
        assert {entry["id"] for entry in listed["gpu_types"]} <= GPU_TYPES
        assert {entry["pool"] for entry in listed["pools"]} <= POOLS


class TestHub:
    def changed(self, **config: object) -> dict:
        return {**HUB, "config": {**HUB["config"], **config}}

    def test_documented_form_is_accepted(self):
        extra = {
            "allowedCudaVersions": ["12.7", "12.6"],
            "endpointType": "LB",
            "env": [
                {"key": "A", "value": "1"},
                {
                    "key": "B",
                    "input": {"name": "B", "type": "number", "min": 0, "max": 3, "default": 1, "required": True},
                },
                {"key": "C", "input": {"name": "C", "type": "string", "options": [{"label": "x", "value": "y"}]}},
            ],
            "presets": [{"name": "small", "defaults": {"B": 1}}],
        }
        assert hub_problems(self.changed(**extra)).found == []

    def test_cpu_worker_needs_a_flavor_and_no_gpu(self):
        config = {"runsOn": "CPU", "containerDiskInGb": 5, "cpuFlavor": "cpu3c-2-4"}
        assert hub_problems({**HUB, "config": config}).found == []
        del config["cpuFlavor"]
        assert codes(hub_problems({**HUB, "config": config})) == ["hub_invalid"]

    def test_exclusion_as_the_guide_spells_it(self):
        config = {"runsOn": "GPU", "containerDiskInGb": 5, "gpuCount": 1, "gpuIds": "ADA_24,-NVIDIA RTX 4090"}
        assert hub_problems({**HUB, "config": config}).found == []

    @pytest.mark.parametrize("key", ["title", "description", "type", "category", "config"])
    def test_required_keys(self, key):
        problems = hub_problems({name: value for name, value in HUB.items() if name != key})
        assert codes(problems) == ["hub_invalid"]
        assert problems.summary() == f"{key} is missing"

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"gpuIds": "NVIDIA GeForce RTX 4090"}, "gpu_type_for_pool"),
            ({"gpuIds": "ADA_25"}, "unknown_gpu"),
            ({"gpuIds": "ADA_24,-NVIDIA RTX 9999"}, "unknown_gpu"),
            ({"gpuIds": ["ADA_24"]}, "hub_invalid"),
            ({"gpuIds": ""}, "hub_invalid"),
            ({"gpuCount": 0}, "hub_invalid"),
            ({"containerDiskInGb": "20"}, "hub_invalid"),
            ({"runsOn": "TPU"}, "hub_invalid"),
            ({"allowedCudaVersions": "12.4"}, "hub_invalid"),
            ({"allowedCudaVersions": [12.4]}, "hub_invalid"),
            ({"env": {"A": 1}}, "hub_invalid"),
            ({"env": [{"key": "A"}]}, "hub_invalid"),
            ({"env": [{"key": "A", "input": {"name": "A", "type": "text"}}]}, "hub_invalid"),
            ({"presets": [{"defaults": {}}]}, "hub_invalid"),
        ],
    )
    def test_what_breaks_the_form(self, change, code):
        assert codes(hub_problems(self.changed(**change))) == [code]

    def test_every_problem_is_told(self):
        problems = hub_problems({"title": "", "category": "music", "config": {"runsOn": "GPU"}})
        assert len(problems.found) >= 6
        assert "and" in problems.summary()

    @pytest.mark.parametrize("document", [None, [], "x", 3])
    def test_document_that_is_no_object(self, document):
        assert codes(hub_problems(document)) == ["hub_invalid"]


class TestTests:
    def changed(self, **case: object) -> dict:
        return {**TESTS, "tests": [{**TESTS["tests"][0], **case}]}

    def test_documented_form_is_accepted(self):
        plan = read_tests(TESTS).plan
        assert plan is not None
        assert plan.environment == {"MODEL": "tiny"}
        assert (plan.cases[0].name, plan.cases[0].limit) == ("basic", timedelta(seconds=10))

    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"timeout": 30}, "timeout_in_seconds"),
            ({"timeout": 999}, "timeout_in_seconds"),
            ({"timeout": 0}, "tests_invalid"),
            ({"timeout": "10000"}, "tests_invalid"),
            ({"timeout": True}, "tests_invalid"),
            ({"name": ""}, "tests_invalid"),
            ({"input": "text"}, "tests_invalid"),
        ],
    )
    def test_cases_that_break_the_form(self, change, code):
        reading = read_tests(self.changed(**change))
        assert reading.plan is None
        assert codes(reading.problems) == [code]

    @pytest.mark.parametrize(
        ("config", "code"),
        [
            ({"gpuTypeId": "NVIDIA RTX 9999"}, "unknown_gpu"),
            ({"gpuTypeId": "ADA_24"}, "pool_for_gpu_type"),
            ({"gpuCount": "1"}, "tests_invalid"),
            ({"env": {"MODEL": "x"}}, "tests_invalid"),
            ({"env": [{"value": "x"}]}, "tests_invalid"),
            ({"env": [{"key": "A", "value": None}]}, "tests_invalid"),
            ({"env": [{"key": "A", "value": "x\0y"}]}, "tests_invalid"),
            ({"env": [{"key": "A=B", "value": "x"}]}, "tests_invalid"),
            ({"allowedCudaVersions": ["twelve"]}, "tests_invalid"),
        ],
    )
    def test_configs_that_break_the_form(self, config, code):
        assert codes(read_tests({**TESTS, "config": config}).problems) == [code]

    def test_a_condition_of_a_good_answer_is_read(self):
        plan = read_tests(self.changed(success_when="images[0].type = base64")).plan
        assert (plan.cases[0].success_when.steps, plan.cases[0].success_when.value) == (("images", 0, "type"), "base64")
        older = [{"input": {"a": 1}, "success_when": "status exists"}]
        assert read_github_tests(older).plan.cases[0].success_when.value is None

    @pytest.mark.parametrize(
        ("value", "said"),
        [
            ("status == ok", "tests[0].success_when: 'status == ok' is no condition: at character 8"),
            ("", "tests[0].success_when: '' is no condition: at its end: a path belongs here"),
            (["status = ok"], "tests[0].success_when must be a text such as `status = COMPLETED`, not"),
        ],
    )
    def test_a_bad_condition_is_refused_with_its_place(self, value, said):
        reading = read_tests(self.changed(success_when=value))
        assert reading.plan is None
        assert codes(reading.problems) == ["tests_invalid"]
        assert reading.problems.found[0].text.startswith(said)

    def test_another_spelling_of_the_condition_is_noted(self):
        reading = read_tests(self.changed(successWhen="status = ok"))
        assert reading.plan.cases[0].success_when is None
        assert "successWhen is not read" in reading.problems.warnings[0]

    def test_numbers_and_booleans_of_the_environment_become_text(self):
        config = {"env": [{"key": "A", "value": 1}, {"key": "B", "value": True}]}
        assert read_tests({**TESTS, "config": config}).plan.environment == {"A": "1", "B": "true"}

    @pytest.mark.parametrize("document", [{}, {"tests": {}}, [], None])
    def test_documents_without_cases(self, document):
        assert codes(read_tests(document).problems) == ["tests_invalid"]

    def test_an_empty_list_is_a_plan_with_nothing_to_run(self):
        plan = read_tests({"tests": [], "config": {"env": [{"key": "A", "value": "1"}]}}).plan
        assert (plan.cases, plan.environment) == ((), {"A": "1"})

    def test_too_many_cases(self):
        assert codes(read_tests({"tests": TESTS["tests"] * 51}).problems) == ["tests_too_many"]

    def test_wrapped_input_is_noted(self):
        reading = read_tests(self.changed(input={"input": {"prompt": "x"}}))
        assert reading.plan is not None
        assert "wrapper" in reading.problems.warnings[0]

    def test_older_form_with_an_unknown_pool(self):
        document = [{"hardwareConfig": {"endpointConfig": {"gpuIds": "AMPERE_17"}}, "input": {"a": 1}}]
        assert codes(read_github_tests(document).problems) == ["unknown_gpu"]

    def test_older_form_without_input(self):
        assert codes(read_github_tests([{"hardwareConfig": {}}]).problems) == ["tests_invalid"]


class TestLayout:
    def test_override_goes_before_the_root(self, tree):
        layout = read_layout(
            tree(
                {
                    ".runpod/Dockerfile": "",
                    "Dockerfile": "",
                    ".runpod/hub.json": "",
                    "hub.json": "",
                    "tests.json": "",
                    ".runpod/test_input.json": "",
                    "test_input.json": "",
                    "Readme.md": "",
                    "src/rp_handler.py": "",
                }
            ),
            dockerfile=None,
        )
        assert (str(layout.dockerfile), str(layout.hub)) == (".runpod/Dockerfile", ".runpod/hub.json")
        assert (str(layout.tests), str(layout.test_input)) == ("tests.json", ".runpod/test_input.json")
        assert (str(layout.readme), layout.handlers) == ("Readme.md", (PurePosixPath("src/rp_handler.py"),))

    @pytest.mark.parametrize(
        "name", ["tests_.json", "tests_deactivated.json", "tests_JSON", "_tests.json", "tests.json.bak"]
    )
    def test_deactivated_tests_are_known_by_name(self, tree, name):
        layout = read_layout(tree({f".runpod/{name}": "{}"}), dockerfile=None)
        assert (layout.tests, str(layout.deactivated_tests)) == (None, f".runpod/{name}")

    def test_test_input_is_no_deactivated_test(self, tree):
        assert read_layout(tree({".runpod/test_input.json": "{}"}), dockerfile=None).deactivated_tests is None

    def test_dockerfile_that_the_spec_names(self, tree):
        repository = tree({"docker/Dockerfile.gpu": "", "Dockerfile": ""})
        assert str(read_layout(repository, dockerfile="docker/Dockerfile.gpu").dockerfile) == "docker/Dockerfile.gpu"
        assert read_layout(repository, dockerfile="nowhere").dockerfile is None


class TestTree:
    def test_symlinks_out_of_the_tree_are_found_and_never_followed(self, tree, tmp_path_factory):
        outside = tmp_path_factory.mktemp("outside") / "secret.txt"
        outside.write_text("secret")
        repository = tree({"a/file.txt": "in"})
        (repository.root / "out").symlink_to(outside)
        (repository.root / "up").symlink_to("../../../etc/passwd")
        (repository.root / "folder").symlink_to(outside.parent)
        (repository.root / "in").symlink_to("a/file.txt")
        (repository.root / "broken").symlink_to("a/nothing")
        (repository.root / "loop").symlink_to("loop")
        escaping = {str(path) for path, _ in repository.escaping_symlinks}
        assert {"out", "up", "folder"} <= escaping
        assert not {"in", "broken"} & escaping
        assert repository.read("in") == b"in"
        for name in ("out", "up", "folder/secret.txt", "../x", "/etc/passwd"):
            with pytest.raises(UnreadableError):
                repository.read(name)
            assert not repository.is_file(name)

    def test_large_and_strange_files_are_refused(self, tree):
        import os

        repository = tree({"big": "x" * 2_000, "latin": ""})
        (repository.root / "latin").write_bytes(b"\xff\xfe")
        os.mkfifo(repository.root / "pipe")
        with pytest.raises(UnreadableError, match="2000 bytes"):
            repository.read("big", most=1_000)
        with pytest.raises(UnreadableError, match="no regular file"):
            repository.read("pipe")
        with pytest.raises(UnreadableError, match="not UTF-8"):
            repository.read_text("latin")

    @pytest.mark.parametrize("text", ["", "{", "{'a': 1}", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000])
    def test_what_is_no_json_is_refused(self, tree, text):
        with pytest.raises(UnreadableError, match="not valid JSON"):
            load_json(tree({"x.json": text}), PurePosixPath("x.json"))
