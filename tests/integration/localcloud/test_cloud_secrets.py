"""Secrets of the local cloud: given to the role of an instance that runs, from a file that its owner alone reads."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import InstanceMetadataFetcher

from tests.support.cloud import Cloud, error_code
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only

VALUE = "hf_abcdefghijklmnop"
ADDRESS, ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL_SECRETS_MANAGER"


@pytest.fixture(scope="module")
def secrets_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("owner") / "secrets.env"


@pytest.fixture(scope="module")
def own_server(secrets_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCloudServer]:
    """A local cloud with a file of secrets."""
    home = tmp_path_factory.mktemp("secretive") / "home"
    options = {"secrets_file": secrets_file, "secrets_prefix": "janitor/test/"}
    with LocalCloudServer(home, boot_delay=0.1, agent_delay=0.1, **options) as running:
        yield running


@pytest.fixture(scope="module")
def cloud(own_server: LocalCloudServer) -> Iterator[Cloud]:
    used = Cloud.of(own_server)
    yield used
    used.terminate_launched()


@pytest.fixture(scope="module")
def box(cloud: Cloud) -> dict[str, str]:
    """The variables of a command on an instance, and the instance's id."""
    instance_id = cloud.online()
    shown = cloud.output(instance_id, f"echo ${ADDRESS}; echo ${ENDPOINT}").split()
    return dict(zip((ADDRESS, ENDPOINT), shown, strict=True)) | {"id": instance_id}


@pytest.fixture(autouse=True)
def _file(secrets_file: Path) -> None:
    secrets_file.write_text(f"# mine\n\nmodels/hf-token = {VALUE}\nequals=a=b=c=\n")
    secrets_file.chmod(0o600)


def role_client(box: dict[str, str], service: str = "secretsmanager") -> Any:
    """A client with the role's credentials, which botocore itself fetches from the metadata service."""
    fetcher = InstanceMetadataFetcher(base_url=box[ADDRESS], config={"ec2_metadata_service_endpoint": box[ADDRESS]})
    found = fetcher.retrieve_iam_role_credentials()
    return boto3.client(
        service,
        endpoint_url=box[ENDPOINT],
        region_name="us-east-1",
        aws_access_key_id=found["access_key"],
        aws_secret_access_key=found["secret_key"],
        aws_session_token=found["token"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_the_role_of_an_instance_reads_what_the_file_has_now(box: dict[str, str], secrets_file: Path) -> None:
    client = role_client(box)
    answer = client.get_secret_value(SecretId="janitor/test/models/hf-token")
    assert (answer["SecretString"], answer["Name"]) == (VALUE, "janitor/test/models/hf-token")
    assert client.get_secret_value(SecretId="janitor/test/equals")["SecretString"] == "a=b=c="
    secrets_file.write_text("models/hf-token=another-value\n")
    assert client.get_secret_value(SecretId="janitor/test/models/hf-token")["SecretString"] == "another-value"


def test_a_name_that_is_missing_is_told_with_the_line_to_add(box: dict[str, str], secrets_file: Path) -> None:
    client = role_client(box)
    for gone in (False, True):
        if gone:
            secrets_file.unlink()
        with pytest.raises(ClientError) as info:
            client.get_secret_value(SecretId="janitor/test/other")
        assert error_code(info) == "ResourceNotFoundException"
        assert f"add a line for other (NAME=VALUE) to {secrets_file}" in str(info.value)
    with pytest.raises(ClientError, match="give the secret a name without `=`"):
        client.get_secret_value(SecretId="janitor/test/equals=a")
    with pytest.raises(ClientError, match="those under janitor/test/ alone"):
        client.get_secret_value(SecretId="elsewhere/hf-token")


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (f"a={VALUE}\n".encode(), 0o640, "run: chmod 600 {}; others may read or write it (mode 0640)"),
        (f"a={VALUE}\n".encode(), 0o604, "run: chmod 600 {}; others may read or write it (mode 0604)"),
        (b"a=1\n#\na=2\n", 0o600, "keep one of the lines 1 and 3, both for a, in {}"),
        (b"just words\n", 0o600, "write line 1 as `NAME=value` in {}"),
        (b"a=\n", 0o600, "write line 1 as `NAME=value` in {}"),
        (b"a=\xff\xfe\n", 0o600, "save it as UTF-8 text: {}"),
        (b"a=" + b"x" * (1 << 20), 0o600, "keep no more than 1,024 KiB in {}"),
    ],
    ids=["readable by the group", "readable by all", "twice", "no pair", "no value", "not UTF-8", "too large"],
)
def test_a_file_that_cannot_be_trusted_gives_nothing_and_says_first_what_to_do(
    box: dict[str, str], secrets_file: Path, content: bytes, mode: int, said: str
) -> None:
    secrets_file.write_bytes(content)
    secrets_file.chmod(mode)
    with pytest.raises(ClientError) as info:
        role_client(box).get_secret_value(SecretId="janitor/test/a")
    assert error_code(info) == "InvalidRequestException", "the role is not to blame"
    assert info.value.response["Error"]["Message"] == said.format(secrets_file)
    assert VALUE not in str(info.value)


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_file_is_told_at_once(box: dict[str, str], secrets_file: Path, make: Callable[[Path], None]) -> None:
    secrets_file.unlink()
    make(secrets_file)
    secrets_file.chmod(0o700)
    try:
        with pytest.raises(ClientError) as info:
            role_client(box).get_secret_value(SecretId="janitor/test/a")
    finally:
        secrets_file.rmdir() if secrets_file.is_dir() else secrets_file.unlink()
    assert error_code(info) == "InvalidRequestException"
    todo = f"put a file of lines NAME=VALUE in place of {secrets_file}, which is a folder or a device"
    assert info.value.response["Error"]["Message"] == todo


def test_the_role_may_do_nothing_else(box: dict[str, str]) -> None:
    for service, call in (
        ("secretsmanager", lambda client: client.list_secrets()),
        ("secretsmanager", lambda client: client.create_secret(Name="x", SecretString="y")),
        ("ec2", lambda client: client.describe_instances()),
        ("ssm", lambda client: client.describe_instance_information()),
        ("s3", lambda client: client.list_buckets()),
    ):
        with pytest.raises(ClientError) as info:
            call(role_client(box, service))
        assert error_code(info) == "AccessDenied"


def test_the_metadata_service_answers_its_instance_with_a_session_and_nobody_else(box: dict[str, str]) -> None:
    def status(address: str, path: str, **headers: str) -> int:
        request = urllib.request.Request(address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    credentials = "/latest/meta-data/iam/security-credentials/"
    assert status(box[ADDRESS], credentials) == 401
    assert status(box[ADDRESS][:-1] + "x", credentials) == 404
    assert status(box[ADDRESS], credentials, Origin="http://evil.example") == 403
    put = urllib.request.Request(box[ADDRESS] + "/latest/api/token", method="PUT")
    with urllib.request.urlopen(put, timeout=30) as answer:
        token = answer.read().decode()
    headers = {"X-aws-ec2-metadata-token": token}
    assert status(box[ADDRESS], credentials, **headers) == 200
    assert status(box[ADDRESS], "/latest/user-data", **headers) == 404


def test_commands_alone_are_told_where_the_role_is(cloud: Cloud, box: dict[str, str]) -> None:
    shown = cloud.output(box["id"], "tr '\\0' '\\n' < /proc/$PPID/environ").split()
    assert any(line.startswith("PATH=") for line in shown)
    assert not [line for line in shown if line.startswith("AWS_")]


def test_the_role_ends_with_its_instance(cloud: Cloud) -> None:
    instance_id = cloud.online()
    address = cloud.output(instance_id, f"echo ${ADDRESS}").strip()
    put = urllib.request.Request(f"{address}/latest/api/token", method="PUT")
    urllib.request.urlopen(put, timeout=30).close()
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(put, timeout=30)


def test_nothing_of_a_secret_is_kept_on_disk(box: dict[str, str], own_server: LocalCloudServer) -> None:
    role_client(box).get_secret_value(SecretId="janitor/test/models/hf-token")
    for path in own_server.home.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert VALUE.encode() not in path.read_bytes(), path
    assert VALUE not in own_server.log_file.read_text()
    assert VALUE not in json.dumps(own_server.health())
