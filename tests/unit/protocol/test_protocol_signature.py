"""The failure signature: one cause is one signature in any repository, another cause is another."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from janitor.diagnosis.handler.log_judge import judge_local_run
from janitor.protocol.report import Report
from janitor.protocol.report_signature import signature_of, signed
from janitor.protocol.text.plain_lines import normalised, package_name, url_name
from janitor.protocol.text.signature import FailureSignature, failure_signature
from tests.support.cpu_time import cpu_time_below

SDK_LOGS = Path(__file__).resolve().parents[4] / "shared" / "real-workers" / "sdk_logs"


def sign(
    reason: str, *logs: str, check: str = "handler_local", code: str = "handler_raised", repo: str = "acme/worker-a"
):
    organization, name = repo.split("/")
    return failure_signature(
        check=check, reason_code=code, reason=reason, logs=logs, organization=organization, name=name
    )


SAME: dict[str, list[str]] = {
    "no such distribution: torch": [
        "a required package does not exist: ERROR: No matching distribution found for torch==2.99.1",
        "in step [3/5] RUN pip install -r builder/requirements.txt: a required package, or this version of it, does not"
        " exist: ERROR: Could not find a version that satisfies the requirement torch>=2.99 (from versions: 1.0, 2.0)",
        "a required package does not exist: Because torch was not found in the package registry and you require torch",
        "a required package does not exist: Because there are no versions of torch==9 and you require torch==9",
    ],
    "no such distribution: faster-whisper": [
        "ERROR: No matching distribution found for faster_whisper==99",
        "ERROR: No matching distribution found for Faster-Whisper[cuda]~=99.0",
    ],
    "does not build: flash-attn": [
        "a required package does not build: ERROR: Failed building wheel for flash-attn",
        "a required package does not build: error: failed to build `flash_attn==2.5.8`",
    ],
    "image not found: nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04": [
        "something that the build downloads does not exist: ERROR: failed to solve:"
        " nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04: failed to resolve source metadata for"
        " docker.io/nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04:"
        " docker.io/nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04: not found",
        "in step [internal] load metadata for docker.io/nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04: something"
        " does not exist: docker.io/nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04: not found",
        "manifest for nvidia/cuda:11.0.3-cudnn8-runtime-ubuntu20.04 not found: manifest unknown: manifest unknown",
    ],
    "image not found: python:3.99-slim": [
        "the registry has no image python:3.99-slim",
        "ERROR: docker.io/library/python:3.99-slim: not found",
        "manifest for python:3.99-slim not found",
    ],
    "CUDA out of memory": [
        "the handler raised torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0)",
        "the handler raised torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB. GPU 1 has",
        "the handler raised RuntimeError: CUDA out of memory. Tried to allocate 512 MiB",
    ],
    "ModuleNotFoundError: no module named diffusers": [
        "the handler raised ModuleNotFoundError: No module named 'diffusers'",
        "the handler raised ModuleNotFoundError: No module named `diffusers`",
    ],
    "shared library not loadable: libcudnn_ops_infer.so.8": [
        "Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open",
        "the handler raised OSError: libcudnn_ops_infer.so.8.9.7: cannot open shared object file: No such file",
    ],
    "CUDA: no kernel image for this GPU": [
        "the handler raised RuntimeError: CUDA error: no kernel image is available for execution on the device",
        "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current PyTorch installation.",
    ],
    "gone from the network: huggingface.co/runwayml/stable-diffusion-v1-5/resolve/main/model.safetensors": [
        "requests.exceptions.HTTPError: 404 Client Error: Not Found for url:"
        " https://huggingface.co/runwayml/stable-diffusion-v1-5/resolve/main/model.safetensors?download=true",
        "https://user:pass@huggingface.co/runwayml/stable-diffusion-v1-5/resolve/main/model.safetensors answered with"
        " HTTP 404",
    ],
    "command not found: ffmpeg": [
        "in step [4/9] RUN ffmpeg -version: /bin/sh: 1: ffmpeg: not found",
        "bash: line 12: ffmpeg: command not found",
        'exec: "ffmpeg": executable file not found in $PATH: unknown',
    ],
    "no such system package: libgl1-mesa-glx": [
        "a system package does not exist: E: Unable to locate package libgl1-mesa-glx",
        "E: Package 'libgl1-mesa-glx' has no installation candidate",
    ],
    "FileNotFoundError: [Errno 2] No such file or directory: '<path>'": [
        "the handler raised FileNotFoundError: [Errno 2] No such file or directory: '/models/sdxl/model.safetensors'",
        "the handler raised FileNotFoundError: [Errno 2] No such file or directory: '/app/weights/v1.ckpt'",
        "the job failed: FileNotFoundError: [Errno 2] No such file or directory: '../data/my file.bin'",
    ],
    "the requirements contradict each other: torch and xformers": [
        "the required packages contradict each other: Because xformers==0.0.20 depends on torch==2.0.0 and you require"
        " torch==2.1.0, we can conclude that your requirements are unsatisfiable.",
        "the required packages contradict each other: ERROR: Cannot install torch==2.1.0 and xformers==0.0.20 because"
        " these package versions have conflicting dependencies.",
        "The conflict is caused by: The user requested torch==2.1.0 xformers 0.0.22 depends on torch==2.0.1",
    ],
    "process 'make -j <n> all' did not complete successfully: exit code: 2": [
        'in step [4/6] RUN make -j 8 all: process "/bin/sh -c make -j 8 all" did not complete successfully:'
        " exit code: 2",
        'in step [2/3] RUN make -j 2 all: process "/bin/bash -o pipefail -c make -j 2 all" did not complete'
        " successfully: exit code: 2",
    ],
    "foo/bar is gone from huggingface.co (HTTP 404)": [
        "Dockerfile, line 2: foo/bar is gone from huggingface.co (HTTP 404)",
        "src/download.py, line 77: foo/bar is gone from huggingface.co (HTTP 404)",
    ],
    "no vCPU left in <id>": ["no vCPU left in us-east-1a", "no vCPU left in eu-central-1b"],
    "no space left on the disk": [
        "the instance's disk is full: write /var/lib/docker/tmp/GetImageBlob123: no space left on device",
        "OSError: [Errno 28] No space left on device: '/root/.cache/huggingface/x'",
    ],
    "the GPU driver can't be used": [
        "the GPU driver: Failed to initialize NVML: Unknown Error",
        "RuntimeError: Found no NVIDIA driver on your system.",
    ],
    "no connection to this machine": [
        "the handler raised ConnectionError: HTTPConnectionPool(host='127.0.0.1', port=8188): Max retries exceeded with"
        " url: /prompt (Caused by NewConnectionError('<urllib3.connection.HTTPConnection object at 0x7f1a>: Failed'))",
        "start: HTTPConnectionPool(host='localhost', port=3000): Max retries exceeded with url: /x (Caused by"
        " NewConnectionError(\"HTTPConnection(host='localhost', port=3000): Failed to establish a new connection\"))",
    ],
    "no connection to huggingface.co": [
        "HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /a (Caused by Proxy())",
        "HTTPSConnectionPool(host='HuggingFace.co', port=443): Max retries exceeded with url: /c (Caused by SSL())",
    ],
    "access denied: huggingface.co/org/big/resolve/main/config.json": [
        "the handler raised HfHubHTTPError: 401 Client Error. (Request ID: Root=1-65f2a3b4-0123456789abcdef01234567;a)"
        " Cannot access gated repo for url https://huggingface.co/org/big/resolve/main/config.json.",
        "the handler raised GatedRepoError: 403 Client Error. Cannot access gated repo for url"
        " https://huggingface.co/org/big/resolve/main/config.json.",
    ],
    "the port is in use already": [
        "the handler raised OSError: [Errno 98] Address already in use",
        "start: the worker ended with exit code 1 before its API was ready: ERROR:    [Errno 98] error while attempting"
        " to bind on address ('127.0.0.1', 40101): address already in use",
    ],
    "a package is not the one whose hash is stated": [
        "a required package is not the one whose hash is stated: cause: Hash mismatch for `idna==3.7`",
        "a required package is not the one whose hash is stated: ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM",
    ],
    "the worker was ended by signal 11 in its handler": [
        "the worker was ended by signal 11 in its handler: it printed nothing",
        "the worker was ended by signal 11 in its handler: Loading checkpoint shards 37%",
    ],
    "ValueError: bad": [
        "the handler raised ValueError: bad; the venv engine lacks what the image has (downloads (line 5: wget https://a/b)),"
        " of which this failure may come",
        "the handler raised ValueError: bad; the venv engine lacks what the image has (what a script does at build time"
        " (line 9: bash /x.sh) and 3 more), of which this failure may come",
    ],
    "Exception: request <id> of errors.example.dev/<n>/missing": [
        "the handler raised Exception: request (Request ID: 1f-22) of https://errors.example.dev/2.11/missing",
        "the handler raised Exception: request request_id=abc of https://errors.example.dev/v2.4.1/missing",
    ],
    "no weights": [
        "output.results[0].error: no weights",
        "output.error: no weights",
        "output[3].error: no weights",
    ],
    "the output is not the expected one": ["basic: expected 3, got 4", "expected {'a': 1}, got None"],
    "no answer in <n>": ["no answer in 30000 ms", "no answer in 60 s"],
    "COPY or ADD of what the build context doesn't hold: line <n>: <path>": [
        "COPY or ADD of what the build context doesn't hold: line 12: src/model.py",
        "COPY or ADD of what the build context doesn't hold: line 3: builder/setup.sh; line 9: src/start.sh",
    ],
    "the deadline <time> came while this check was running": [
        "the deadline 2026-01-02 03:04:05 UTC came while this check was running",
        "the deadline 2027-11-12 23:14:55 UTC came while this check was running",
    ],
    "the result holds <generator>, which nobody iterated or awaited": [
        "the result holds <generator object handler at 0x7feb5ab7dff0>, which nobody iterated or awaited",
        "the result holds <generator object Model.stream at 0x7f650379a8e0>, which nobody iterated or awaited",
    ],
    "ValueError: width must be divisible by <n>": [
        "the handler raised ValueError: width must be divisible by 8",
        "the API answered with HTTP 500: ValueError: width must be divisible by 16",
    ],
    "<repo> is not reachable": [
        "acme/worker-a is not reachable",
        "https://github.com/acme/worker-a.git is not reachable",
    ],
}


@pytest.mark.parametrize("line", SAME, ids=[line[:40] for line in SAME])
def test_the_same_cause_in_other_words_is_one_signature(line):
    signatures = [sign(reason) for reason in SAME[line]]
    assert [signature.line for signature in signatures] == [line] * len(signatures)
    assert len({signature.id for signature in signatures}) == 1
    assert len({signature.title for signature in signatures}) == 1


def test_different_causes_differ():
    signatures = {sign(reasons[0]).id for reasons in SAME.values()}
    assert len(signatures) == len(SAME)


PAIRS = [
    ("KeyError: 'prompt'", "KeyError: 'image'"),
    ("KeyError: 'prompt'", "ValueError: 'prompt'"),
    ("No module named 'torch'", "No module named 'torchvision'"),
    ("No matching distribution found for torch==2", "No matching distribution found for torchaudio==2"),
    ("nvidia/cuda:11.0.3-base: not found", "nvidia/cuda:12.1.0-base: not found"),
    ("libcudnn.so.8: cannot open shared object file", "libcudnn.so.9: cannot open shared object file"),
    ("it ended with exit code 1: it printed nothing", "it ended with exit code 137: it printed nothing"),
    ("the API answered with HTTP 404: nothing", "the API answered with HTTP 500: nothing"),
    ("HTTPError: 404 for url: https://example.com/a.bin", "HTTPError: 404 for url: https://example.com/b.bin"),
    ("OSError: [Errno 28] x", "OSError: [Errno 13] x"),
    ("org/model-a is not a valid model identifier", "org/model-b is not a valid model identifier"),
    ("sh: 1: curl: not found", "sh: 1: wget: not found"),
    ("process '/bin/sh -c make all' did not complete", "process '/bin/sh -c ./setup.sh' did not complete"),
    ("HTTPError: 401 Client Error: x", "HTTPError: 403 Client Error: x"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=[one[:30] for one, _ in PAIRS])
def test_what_names_the_cause_is_kept(one, other):
    assert sign(one).id != sign(other).id


@pytest.mark.parametrize("case", ["basic", "a: b", "the output is red"])
def test_the_name_of_a_test_case_does_not_matter(case):
    for reason in ("no answer in 60 s", "the job failed: bad input", "output.error: no weights"):
        signature = sign(f"{case}: {reason}", check="handler_api")
        assert signature.id == sign(f"other: {reason}", check="handler_api").id


def test_the_words_of_a_model_are_no_evidence():
    one, other = (
        sign(reason, check="agent_prompt", code="agent_found_fault")
        for reason in ("src/handler.py:12: it reads a file that isn't there", "the file of line 12 is missing")
    )
    assert one == other
    assert one.title == "agent_prompt: agent found fault"


def test_check_and_reason_code_are_part_of_it():
    base = sign("RuntimeError: boom")
    assert base.id != sign("RuntimeError: boom", check="handler_api").id
    assert base.id != sign("RuntimeError: boom", code="server_exited").id
    assert base.title == "handler_local: RuntimeError: boom"


class TestLogs:
    """The log is read only where the reason says no more than that something ended."""

    BUILD = (
        "#9 [4/6] RUN make all\n#9 0.412 cc -c fast.c\n"
        "#9 0.431 fast.c:3:10: fatal error: cuda.h: No such file or directory\n"
        '#9 ERROR: process "/bin/sh -c make all" did not complete successfully: exit code: 2\n'
    )
    TRACEBACK = (
        "INFO   | local_test | Started.\nTraceback (most recent call last):\n"
        '  File "/srv/app/handler.py", line 12, in handler\n    raise NoWeights("x")\n'
        "my.models.NoWeights: the weights are gone\nbye\n"
    )

    def test_a_failing_step_is_told_by_its_output(self):
        reason = 'in step [4/6] RUN make all: process "/bin/sh -c make all" did not complete successfully: exit code: 2'
        signature = sign(reason, self.BUILD, check="build", code="build_step_failed")
        assert signature.line == "cuda.h: No such file or directory"
        other = self.BUILD.replace("#9", "#17").replace("0.4", "12.8").replace("4/6", "2/3")
        reason = reason.replace("4/6", "2/3")
        assert sign(reason, other, check="build", code="build_step_failed").id == signature.id

    def test_an_exception_of_any_name_under_a_traceback(self):
        reason = "the worker ended with exit code 1 in its handler: bye"
        signature = sign(reason, self.TRACEBACK, code="handler_exited")
        assert signature.line == "NoWeights: the weights are gone"

    def test_a_reason_that_tells_is_not_overruled_by_the_log(self):
        noise = "ModuleNotFoundError: No module named 'xformers'\n"
        assert sign("output.error: no weights", noise, code="nested_error").line == "no weights"
        by_rule = sign("output.error: no weights (rule error_named)", noise, code="nested_error")
        assert by_rule == sign("output.error: no weights", noise, code="nested_error")

    def test_the_sdk_s_description_of_an_exception(self):
        reason = (
            'the API answered with HTTP 500: { "error_type": "<class \'my.ModelError\'>", "error_message":'
            ' "no \\"tiny\\" model", "error_traceback": "Traceback …'
        )
        assert sign(reason).line == "ModelError: no 'tiny' model"


@pytest.mark.skipif(not SDK_LOGS.is_dir(), reason=f"the SDK's logs are not in {SDK_LOGS}")
class TestRealLogs:
    @pytest.mark.parametrize(
        ("name", "exit_code", "code", "line"),
        [
            ("raise", 1, "handler_raised", "RuntimeError: boom"),
            ("error_key", 1, "handler_error", "bad input"),
            ("generator_raises", 0, "generator_not_iterated", "the local mode never iterated <generator>"),
            (
                "no_test_input_json",
                1,
                "test_input_not_found",
                "the worker left its folder: the SDK found no test_input.json",
            ),
            ("bad_json_arg", 1, "input_rejected", "the SDK could not read the test input"),
        ],
    )
    def test_two_versions_of_the_sdk_give_one_signature(self, name, exit_code, code, line):
        signatures = []
        for version in ("1.7.7", "1.12.0"):
            text = (SDK_LOGS / f"runpod-{version}-{name}.log").read_text(encoding="utf-8")
            verdict = judge_local_run(text, exit_code)
            assert verdict.code == code
            signatures.append(sign(str(verdict.reason), text, code=code))
        assert {signature.line.removeprefix("the handler returned an error: ") for signature in signatures} == {line}
        assert signatures[0] == signatures[1]


words = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=9)
folders = st.lists(words, min_size=1, max_size=4).map("/".join)
numbers = st.integers(0, 10**9).map(str) | st.from_regex(r"[1-9]\d?\.\d{1,2}(\.\d{1,2})?", fullmatch=True)
hashes = st.from_regex(r"[0-9a-f]{6}[0-9][a-f][0-9a-f]{4,32}", fullmatch=True)
instants = st.integers(0, 2**32).map(lambda at: f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S}")
uuids = st.uuids().map(str)
repositories = st.tuples(words, words).map(lambda pair: f"{pair[0]}-org/worker-{pair[1]}")
exceptions = st.sampled_from(
    ["ValueError", "RuntimeError", "KeyError", "torch.cuda.OutOfMemoryError", "my.own.ModelError"]
)
packages = st.sampled_from(["torch", "xformers", "diffusers", "faster-whisper", "nvidia-cublas-cu12", "h5py", "boto3"])


@st.composite
def surroundings(draw):
    """Everything that differs from run to run around one cause."""
    return {
        "path": f"/{draw(folders)}/{draw(words)}.{draw(st.sampled_from(['py', 'bin', 'ckpt']))}",
        "n": draw(numbers),
        "hash": draw(hashes),
        "at": draw(instants),
        "id": draw(uuids),
        "address": hex(draw(st.integers(2**20, 2**48))),
        "repo": draw(repositories),
        "ip": f"10.{draw(st.integers(0, 255))}.0.{draw(st.integers(1, 254))}:{draw(st.integers(1024, 65535))}",
    }


TEMPLATES = [
    "{exception}: {package} failed on {path} after {n} steps",
    "{exception}: weights of {package} with sha {hash} in {repo} at {at}",
    "{exception}: job {id} of {package} asked {ip} for <Model object at {address}>",
    "[{at}] {exception}: can't use {package} from {repo}: rank {n}, {n} MiB free, see {path}:{n}",
]


@settings(deadline=None)
@given(st.sampled_from(TEMPLATES), exceptions, packages, surroundings(), surroundings())
def test_what_surrounds_a_cause_does_not_matter(template, exception, package, one, other):
    signatures = [
        sign(template.format(exception=exception, package=package, **around), repo=around["repo"])
        for around in (one, other)
    ]
    assert signatures[0] == signatures[1]
    assert package in signatures[0].line
    assert exception.rsplit(".", 1)[-1] in signatures[0].line


@settings(deadline=None)
@given(st.sampled_from(TEMPLATES), surroundings(), st.lists(exceptions, min_size=2, max_size=2, unique=True), packages)
def test_another_exception_is_another_cause(template, around, two, package):
    one, other = (sign(template.format(exception=kind, package=package, **around), repo=around["repo"]) for kind in two)
    assert one.id != other.id


@settings(deadline=None)
@given(st.sampled_from(TEMPLATES), surroundings(), exceptions, st.lists(packages, min_size=2, max_size=2, unique=True))
def test_another_package_is_another_cause(template, around, exception, two):
    one, other = (
        sign(template.format(exception=exception, package=kind, **around), repo=around["repo"]) for kind in two
    )
    assert one.id != other.id


@settings(deadline=None)
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_text_makes_a_signature_that_a_report_can_carry(reason, log):
    signature = sign(reason, log)
    assert re.fullmatch(r"[0-9a-f]{16}", signature.id)
    assert signature == sign(reason, log)
    assert "\n" not in signature.title
    assert 0 < len(signature.title) <= 160
    assert len(signature.line) <= 240


@pytest.mark.parametrize(
    "unit", ["a/", "a.", "a:", "1.", "a-", " ", "'", "Error: ", "x: ", "404 ", "a/b:c ", "\\", "0a", "1 "]
)
def test_no_text_takes_long(unit):
    text = (unit * 4_000)[:4_000]
    with cpu_time_below(3):
        sign("the worker ended with exit code 1", *[text] * 40)
        sign(text[:2_000])


def test_a_package_that_is_called_like_the_repository_is_still_a_package():
    one = sign("ERROR: No matching distribution found for tetra", repo="acme/tetra")
    assert one.id == sign("ERROR: No matching distribution found for tetra", repo="acme/worker-b").id
    one = sign("cannot find package tetra in the image", repo="acme/tetra")
    assert one.id == sign("cannot find package tetra in the image", repo="acme/worker-b").id


def test_names():
    assert package_name("Flash_Attn[x]==2.5") == "flash-attn"
    assert package_name("torch-2.1.0") == "torch"
    assert url_name("https://u:p@Example.com:8443/a/0123456789abcdef/b.bin?X-Amz-Signature=1#x") == (
        "example.com/a/<hash>/b.bin"
    )
    assert normalised("see https://example.com/a?token=1 now") == "see example.com/a now"


class TestReports:
    @pytest.fixture
    def golden(self, golden):
        """The golden report without its signature."""
        del golden["signature"]
        return golden

    def test_a_report_is_signed_by_its_failing_check(self, golden):
        report = Report.from_dict(golden)
        signature = signature_of(report)
        assert signature is not None
        assert (signature.check, signature.reason_code, signature.line) == (
            "handler_local",
            "nested_error",
            "no weights",
        )
        assert Report.from_json(signed(report).to_json()).signature == signature
        assert signed(signed(report)) == signed(report)

    def test_a_report_s_own_signature_stands(self, golden):
        own = FailureSignature(
            id="0" * 16, check="handler_local", reason_code="nested_error", line="x", title="handler_local: x"
        )
        golden["signature"] = own.to_dict()
        assert signature_of(Report.from_dict(golden)) == own

    def test_a_report_in_which_no_check_decided(self, golden):
        golden.update(
            checks=golden["checks"][:1], status="incomplete", reason_code="handler_not_tested", failing_check=None
        )
        signature = signature_of(Report.from_dict(golden))
        assert signature is not None
        assert (signature.check, signature.line, signature.title) == (None, "", "handler not tested")

    def test_a_success_has_none(self, golden):
        golden["checks"][2].update(status="pass", reason_code=None, reason=None)
        golden.update(status="success", reason_code=None, failing_check=None)
        report = Report.from_dict(golden)
        assert signature_of(report) is None
        assert signed(report) == report
