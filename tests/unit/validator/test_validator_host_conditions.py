"""What a place without the image, its secrets or its network is to blame for, and what it isn't."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from janitor.diagnosis.host_conditions import Place, host_condition

ROOT = "/tmp/janitor-x/image"
HERE = Place(
    has_gpu=False,
    gaps=(),
    in_image=lambda path: path in ("/app", "/app/config.json"),
    is_image=False,
    made=frozenset({"/models", "/app/outputs", "/app/settings.json"}),
    root=ROOT,
    workdir="/app",
)
CONTAINER = Place(has_gpu=False, gaps=(), in_image=lambda _: False, is_image=True)


def described(kind: str, message: str) -> str:
    """How the SDK logs an exception."""
    info = {"error_type": f"<class '{kind}'>", "error_message": message, "error_traceback": f"...\n{kind}: {message}\n"}
    return f"ERROR  | local_test | Captured Handler Exception\nERROR  | {json.dumps(info, indent=4)}\n"


def code(text: str, place: Place = HERE) -> str | None:
    found = host_condition(text, place)
    return found.code if found else None


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'HF_TOKEN'",
        described("KeyError", "'HF_TOKEN'"),
        "ValueError: AWS_SECRET_ACCESS_KEY is not set",
        "RuntimeError: missing environment variable OPENAI_API_KEY",
        "the SDK: Job x failed with error: BUCKET_ACCESS_KEY_ID must be set",
        "pydantic.ValidationError: Error: please set HUGGING_FACE_HUB_TOKEN",
        "KeyError: 'BUCKET_ENDPOINT_URL'",
        "KeyError: 'R2_BUCKET_NAME'",
        "KeyError: 'DATABASE_URL'",
        "KeyError: 'FAL_KEY'",
        "loading\nHF_TOKEN is not set\n",
        "Please set HF_TOKEN and start again",
        "botocore.exceptions.NoCredentialsError: Unable to locate credentials",
        "openai.OpenAIError: pass api_key to the client or by setting the OPENAI_API_KEY environment variable",
    ],
)
def test_secret_that_was_not_given(text):
    assert code(text) == code(text, CONTAINER) == "needs_secret"


@pytest.mark.parametrize(
    "text",
    [
        "Warning: unauthenticated requests to the Hub. Please set a HF_TOKEN for higher limits.\nKeyError: 'a'",
        "HF_TOKEN is not set\nKeyError: 'a'",
        "KeyError: 'MODEL_NAME'",
        "KeyError: 'MAX_TOKENS'",
        "KeyError: 'KEY'",
        "KeyError: 'my_key'",
        "KeyError: 'KEYPOINTS'",
        "KeyError: 'token'",
        "ValueError: max_tokens is required",
        "ValueError: eos_token is not set",
    ],
)
def test_what_is_no_secret(text):
    assert code(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "OSError: You are trying to access a gated repo.",
        "huggingface_hub.errors.GatedRepoError: 403 Client Error.",
        "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/api/x",
        "OSError: Access to model a/b is restricted",
        "urllib.error.HTTPError: HTTP Error 401: Unauthorized",
        "httpx.HTTPStatusError: Client error '403 Forbidden' for url 'https://a/b'",
        "aiohttp.ClientResponseError: 401, message='Unauthorized', url='https://a/b'",
        "RuntimeError: download failed with status code 403",
    ],
)
def test_token_that_was_not_given(text):
    assert code(text) == "needs_token"


@pytest.mark.parametrize(
    "text",
    [
        "requests.exceptions.ConnectionError: HTTPConnectionPool(host='127.0.0.1', port=8188): Max retries exceeded",
        "aiohttp.ClientConnectorError: Cannot connect to host localhost:3000 ssl:default",
        "urllib.error.URLError: <urlopen error [Errno 111] Connection refused>",
        "requests.HTTPError: 503 Server Error: Service Unavailable for url: http://127.0.0.1:8188/prompt",
    ],
)
def test_server_of_the_workers_own_is_not_the_network(text):
    assert code(text) is None
    # What is wrong with the network stays wrong, whatever else there is.
    assert code(f"{text}\nConnectionResetError: [Errno 104] Connection reset by peer") == "network"


@pytest.mark.parametrize(
    "text",
    [
        "KeyError: 'RUNPOD_ENDPOINT_ID'",
        described("KeyError", "'RUNPOD_POD_ID'"),
        "FileNotFoundError: [Errno 2] No such file or directory: '/runpod-volume/models/a.bin'",
        described("OSError", "/runpod-volume/models is not a local folder"),
        "ERROR  | Job x failed with error: Model not found: /runpod-volume/flux",
        "RuntimeError: /runpod-volume is not mounted",
        "ValueError: RUNPOD_POD_ID is not set",
    ],
)
def test_what_only_the_platform_has(text):
    assert code(text) == code(text, CONTAINER) == "platform_only"


@pytest.mark.parametrize(
    "text",
    [
        "no volume: /runpod-volume not found, using ./models\nKeyError: 'a'",
        "KeyError: 'runpod'",
        "cache: /runpod-volume/cache\nValueError: bad shape",
        "FileNotFoundError: [Errno 2] No such file or directory: '/volume/a.bin'",
    ],
)
def test_what_the_platform_has_nothing_to_do_with(text):
    assert code(text) is None


def test_500_in_a_workers_own_answer_is_not_the_network():
    assert code("INFO   | Job result: {'output': {'statusCode': 500, 'body': 'boom'}}") is None
    assert code('INFO   | Job result: {"status": 500, "message": "boom"}') is None
    assert code("OSError: HTTP Error 500: Internal Server Error") == "network"
    assert code("RuntimeError: request failed with status code 500") == "network"


@pytest.mark.parametrize(
    "text",
    [
        "IndexError: index 502 is out of bounds for axis 0 with size 500",
        described("ValueError", "got 500 tokens"),
        "ValueError: 503 is not a valid size",
        "KeyError: 401",
        "Error: index 403 out of range",
        "error at line 429",
        "status: processed 502 of 503",
        "INFO   | Job result: {'output': {'statusCode': 401, 'body': 'boom'}}",
        'INFO:     127.0.0.1:4 - "POST /predict HTTP/1.1" 500 Internal Server Error',
    ],
)
def test_number_that_is_no_status(text):
    assert code(text) == code(text, CONTAINER) is None


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: error code: 502",
        "the answer was <Response [503]>",
        "openai.InternalServerError: Error code: 500 - {}",
        "google.api_core.exceptions.ServerError: 503 UNAVAILABLE",
        "OSError: server returned HTTP response code: 504 for URL: https://a/b",
        "HTTP request failed: 503",
        "RuntimeError: bad status: 429",
        described("RuntimeError", "download failed with status 503"),
    ],
)
def test_status_of_a_server_elsewhere(text):
    assert code(text) == code(text, CONTAINER) == "network"


def test_what_is_gone_is_the_repositorys_own():
    assert code("requests.exceptions.HTTPError: 404 Client Error: Not Found for url: https://a/b") is None
    assert code("RuntimeError: 410 Client Error: Gone for url: https://a/b") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("urllib.error.URLError: <urlopen error timed out>", "network"),
        ("ConnectionResetError: [Errno 104] Connection reset by peer", "network"),
        ("requests.HTTPError: 503 Server Error: for url: https://a/b", "network"),
        ("OSError: We couldn't connect to 'https://huggingface.co' to load this file", "network"),
        ("aiohttp.ClientConnectorError: Cannot connect to host a:443 ssl:default", "network"),
        ("http.client.RemoteDisconnected: Remote end closed connection without response", "network"),
        (described("MemoryError", ""), "out_of_memory"),
        ("RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "out_of_memory"),
        ("RuntimeError: HIP out of memory. Tried to allocate 2 GiB", "out_of_memory"),
        ("ValueError: No available memory for the cache blocks.", "out_of_memory"),
        ("XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.", "out_of_memory"),
        ("RuntimeError: DataLoader worker (pid 7) is killed by signal: Killed.", "out_of_memory"),
        ("CalledProcessError: Command 'x' died with <Signals.SIGKILL: 9>.", "out_of_memory"),
    ],
)
def test_the_worlds_trouble(text, expected):
    assert code(text) == code(text, CONTAINER) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[Errno 13] Permission denied: '/outputs/a'", "engine_limit"),
        (f"[Errno 13] Permission denied: '{ROOT}/app/a'", None),
        ("mkdir: cannot create directory '/outputs': Permission denied", "engine_limit"),
        ("sh: 1: cannot create /data/x: Permission denied", "engine_limit"),
        ("sh: 1: cannot create x: Permission denied", None),
        ("tee: /srv/x: Permission denied", "engine_limit"),
        ("sqlite3.OperationalError: unable to open database file", "engine_limit"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/models/a.bin'", "engine_limit"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'settings.json'", "engine_limit"),
        (f"FileNotFoundError: [Errno 2] No such file or directory: '{ROOT}/app/settings.json'", "engine_limit"),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/app/config.json'", "engine_limit"),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'config.json'", None),
        ("FileNotFoundError: [Errno 2] No such file or directory: '/other/a.bin'", None),
        ("PermissionError: [Errno 13] Permission denied: '/outputs'", "engine_limit"),
        ("FileExistsError: [Errno 17] File exists: '/outputs'", "engine_limit"),
        ("FileExistsError: [Errno 17] File exists: 'outputs'", None),
        (f"PermissionError: [Errno 13] Permission denied: '{ROOT}/app/x'", None),
        ("OSError: [Errno 98] Address already in use", "port_in_use"),
    ],
)
def test_what_this_machine_is_not(text, expected):
    assert code(text) == expected
    assert code(text, CONTAINER) is None


def test_memory_that_the_kernel_took_back():
    place = Place(has_gpu=False, gaps=(), in_image=lambda _: False, is_image=False, killed_for_memory=True)
    assert code("RuntimeError: a helper is gone", place) == "out_of_memory"
    assert code("RuntimeError: a helper is gone") is None


def test_module_that_the_images_python_brings():
    place = replace(HERE, base_modules=frozenset({"pkg_resources"}))
    text = "ModuleNotFoundError: No module named 'pkg_resources'"
    assert (
        code(text, place)
        == code("ModuleNotFoundError: No module named 'pkg_resources.extern'", place)
        == "engine_limit"
    )
    assert code(text) is None
    assert code("ModuleNotFoundError: No module named 'requests'", place) is None
    assert code("ImportError: cannot import name 'a' from 'b'", place) is None


@pytest.mark.parametrize(
    "text",
    [
        described("RuntimeError", "no models at /app"),
        "ERROR  | Job x failed with error: missing: /app/config.json",
        "INFO   | Job result: {'output': {'error': 'put the weights into /models/a.bin.'}}",
        described("ModuleNotFoundError", "No module named 'own_thing'"),
    ],
)
def test_path_of_the_image_in_a_workers_own_words(text):
    place = replace(
        HERE,
        in_image=lambda path: path in ("/app", "/app/config.json", "/app/lib", "/app/lib/own_thing.py"),
        named_folders=lambda: frozenset({"/app/lib"}),
    )
    assert code(text, place) == "engine_limit"
    assert code(text, CONTAINER) is None


@pytest.mark.parametrize(
    "text",
    [
        "loading /app/config.json\nKeyError: 'a'",
        f'  File "{ROOT}/app/config.json", line 1\nRuntimeError: {ROOT}/app/config.json is broken',
        "RuntimeError: 404 for https://host/app/config.json",
        "RuntimeError: nothing at /elsewhere/config.json",
        "ModuleNotFoundError: No module named 'own_thing'",
    ],
)
def test_what_is_no_path_of_the_image(text):
    assert code(text) is None


def test_variable_that_hub_json_has_the_platform_set():
    place = replace(HERE, hub_variables=frozenset({"ADAPTER"}))
    for text in ("KeyError: 'ADAPTER'", "ValueError: ADAPTER is required", "ADAPTER must be set\n"):
        assert code(text, place) == code(text, replace(CONTAINER, hub_variables=place.hub_variables)) == "platform_only"
        assert code(text) is None
    assert code("KeyError: 'MY_ADAPTER'", place) is None
    assert code("ADAPTER is not set, using none\nKeyError: 'a'", place) is None
