"""Lines of fields in JSON, stages that are built, CUDA in a base's name, and addresses of models."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from janitor.inspection.dockerfile.cuda_version import base_cuda, base_cudnn, has_cuda, system_python
from janitor.inspection.dockerfile.stages import parse_dockerfile
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.documents.documents import load_json, problem_locations
from janitor.inspection.documents.hub_file import hub_problems
from janitor.inspection.documents.json_lines import field_lines, line_of
from janitor.inspection.repository.model_sources import build_sources, code_sources


class TestLines:
    TEXT = '{\n "title": "a",\n "config": {\n  "env": [\n   {"key": "A"},\n   {\n    "key": "}"}\n  ]\n }\n}\n'

    @pytest.mark.parametrize(
        ("where", "line"),
        [("title", 2), ("config", 3), ("config.env[0].key", 5), ("config.env[1]", 6), ("config.env[1].key", 7)],
    )
    def test_field_has_its_line(self, where, line):
        assert line_of(field_lines(self.TEXT), where) == line

    def test_what_is_missing_has_the_line_around_it(self):
        assert line_of(field_lines(self.TEXT), "config.gpuIds") == 3
        assert line_of(field_lines(self.TEXT), "config.env[7].key") == 4
        assert line_of(field_lines(self.TEXT), "category") == 1

    @pytest.mark.parametrize("text", ["", "{", '{"a": [1, ', '{"a"', "[" * 100_000, '{"a": "\\x"}', "nonsense"])
    def test_what_is_no_json_is_read_as_far_as_it_goes(self, text):
        assert isinstance(field_lines(text), dict)

    def test_problems_have_their_places(self, tree):
        found = tree({"hub.json": '{\n "title": "",\n "type": "serverless"\n}\n'})
        path = PurePosixPath("hub.json")
        locations = problem_locations((found.root / path).read_text(), path, hub_problems(load_json(found, path)))
        assert [location.line for location in locations if location.message.startswith("title")] == [2]
        assert [location.line for location in locations if location.message.startswith("category")] == [1]


class TestStages:
    def used(self, text: str) -> list[int]:
        return [stage.index for stage in used_stages(parse_dockerfile(text, build_args={}))]

    def test_only_what_is_needed_is_built(self):
        assert self.used("FROM a AS x\nFROM b AS y\nFROM c\nCOPY --from=x /a /a\n") == [0, 2]
        assert self.used("FROM a AS x\nFROM x AS y\nFROM y\n") == [0, 1, 2]
        assert self.used("FROM a\nFROM b\nCOPY --from=0 / /\n") == [0, 1]

    def test_mounts_count(self):
        assert self.used("FROM a AS x\nFROM b\nRUN --mount=type=bind,from=x,target=/x ls /x\n") == [0, 1]


class TestBases:
    @pytest.mark.parametrize(
        ("reference", "cuda", "cudnn"),
        [
            ("nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04", (12, 4), None),
            ("nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04", (11, 8), 8),
            ("runpod/base:0.6.2-cuda12.2.0", (12, 2), None),
            ("runpod/pytorch:2.4.0-py3.11-cuda12.4.1-devel-ubuntu22.04", (12, 4), None),
            ("runpod/pytorch:1.0.1-cu1281-torch280-ubuntu2404", (12, 8), None),
            ("pytorch/pytorch:2.1.0-cuda12.1-cudnn8-runtime", (12, 1), 8),
            ("python:3.11-slim", None, None),
            ("vllm/vllm-openai:v0.10.0", None, None),
        ],
    )
    def test_versions_in_a_name(self, reference, cuda, cudnn):
        assert (base_cuda(reference), base_cudnn(reference)) == (cuda, cudnn)

    def test_what_a_name_says_of_cuda_and_python(self):
        assert has_cuda("python:3.11-slim") is False
        assert has_cuda("docker.io/library/ubuntu") is False
        assert has_cuda("nvidia/cuda:12.4.1-base") is True
        assert has_cuda("example.org/team/base:1") is None
        assert system_python("nvidia/cuda:12.4.1-runtime-ubuntu22.04") == (3, 10)
        assert system_python("runpod/base:1.0.2-ubuntu2404") == (3, 12)
        assert system_python("example.org/x") is None


class TestModels:
    def of_build(self, *lines: str) -> list[str]:
        text = "FROM python:3.11\n" + "\n".join(lines) + "\n"
        return [each.url for each in build_sources(parse_dockerfile(text, build_args={}), PurePosixPath("Dockerfile"))]

    def of_code(self, source: str) -> list[tuple[str, int]]:
        return [(each.url, each.line) for each in code_sources(PurePosixPath("h.py"), source, is_built_in=False)]

    def test_downloads_of_the_build(self):
        assert self.of_build("ADD https://models.io/a.ckpt /a") == ["https://models.io/a.ckpt"]
        assert self.of_build("RUN wget -q 'https://models.io/a.bin' && echo ok") == ["https://models.io/a.bin"]
        assert self.of_build("RUN curl -L https://x.org/m?id=1&v=2 -o m") == ["https://x.org/m?id=1&v=2"]
        assert self.of_build("RUN hf download org/tiny") == ["https://huggingface.co/api/models/org/tiny"]

    def test_what_is_no_whole_address_is_left_alone(self):
        assert self.of_build("RUN wget https://models.io/$NAME.ckpt", "RUN echo https://models.io/a.ckpt") == []
        assert self.of_build("# RUN wget https://models.io/a.ckpt") == []

    def test_stage_that_nothing_needs_downloads_nothing(self):
        text = "FROM a AS old\nADD https://models.io/a.ckpt /a\nFROM python:3.11\n"
        assert build_sources(parse_dockerfile(text, build_args={}), PurePosixPath("Dockerfile")) == []

    def test_downloads_of_the_code(self):
        source = (
            '"""See https://models.io/paper.zip"""\n'
            'A = "https://models.io/a.safetensors"\n'
            'P = pipe.from_pretrained("org/tiny", torch_dtype=x)\n'
            'H = hf_hub_download(repo_id="org/other", filename="x")\n'
            'D = snapshot_download("org/data", repo_type="dataset")\n'
            'L = Model.from_pretrained("/models/tiny")\nN = Model.from_pretrained(name)\n'
            'W = "https://models.io/docs"\nF = f"https://models.io/{name}.bin"\n'
        )
        hub = "https://huggingface.co/api/models"
        assert self.of_code(source) == [
            ("https://models.io/a.safetensors", 2),
            (f"{hub}/org/tiny", 3),
            (f"{hub}/org/other", 4),
        ]

    def test_examples_are_no_addresses(self):
        assert self.of_code('A = "https://example.com/a.safetensors"\n') == []

    def test_code_that_does_not_compile_names_nothing(self):
        assert self.of_code("def (") == []
