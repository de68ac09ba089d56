"""What a machine of the process runtime is inside: its own environment, tools, and no way to what it must not have."""

from __future__ import annotations

import pytest

from tests.support.cloud import Cloud, eventually, unique
from tests.support.localcloud_server import LocalCloudServer

pytestmark = pytest.mark.local_only


def environment_of(cloud: Cloud, machine: str) -> dict[str, str]:
    lines = cloud.output(machine, "env -0 | tr '\\0\\n' '\\n '").splitlines()
    return dict(line.partition("=")[::2] for line in lines)


def test_environment_is_an_allow_list(cloud: Cloud, machine: str, server: LocalCloudServer) -> None:
    seen = environment_of(cloud, machine)
    allowed = {"PATH", "HOME", "TMPDIR", "INSTANCE_ID", "LOCALCLOUD_BOX", "LANG", "LC_ALL", "TZ", "PWD", "OLDPWD"}
    allowed.add("LC_CTYPE")  # a Python without a locale sets it by itself
    network = {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"}
    role = {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    }  # no key: its instance's way to one
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}
    rest = {
        name for name in set(seen) - allowed - network - proxies - role if not name.startswith(("PIP_", "UV_", "_"))
    }
    assert rest <= {"SHLVL"}
    assert seen["INSTANCE_ID"] == machine
    assert seen["HOME"].endswith(f"/boxes/{machine}/root")
    assert seen["TMPDIR"].endswith(f"/boxes/{machine}/tmp")
    assert server.secret_access_key not in str(seen)
    cache = server.home.parent / "cache"
    assert (seen["UV_CACHE_DIR"], seen["PIP_CACHE_DIR"]) == (str(cache / "uv"), str(cache / "pip"))


def test_python_is_the_base_interpreter(cloud: Cloud, machine: str) -> None:
    script = (
        "command -v python3; python3 -c 'import sys; print(sys.prefix == sys.base_prefix)'; "
        "python3 -m venv --without-pip venv && venv/bin/python -c 'import sys; print(sys.prefix != sys.base_prefix)'"
    )
    where, base, venv = cloud.output(machine, script).split()
    assert where.endswith("/bin/python3")
    assert (base, venv) == ("True", "True")


def test_uv_is_there_where_the_local_cloud_has_it(cloud: Cloud, machine: str) -> None:
    assert cloud.output(machine, "uv --version && command -v uv").splitlines()[1].endswith(f"{machine}/bin/uv")


def test_boxes_have_their_own_files(cloud: Cloud, machine: str) -> None:
    name = unique("file")
    other = cloud.online()
    cloud.output(machine, f"echo mine >{name}; echo mine >$TMPDIR/{name}")
    assert cloud.output(other, f"ls $HOME/{name} $TMPDIR/{name} 2>/dev/null || echo none") == "none\n"


def test_disk_goes_with_the_instance(cloud: Cloud, server: LocalCloudServer) -> None:
    instance_id = cloud.online(UserData="#!/bin/sh\necho on the console\n")
    box = server.home / "boxes" / instance_id
    assert box.is_dir()
    command_id = cloud.send(instance_id, "echo kept; echo data >file")
    cloud.finished(command_id, instance_id)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.wait_state(instance_id, "terminated")
    eventually("disk removed", lambda: not box.exists())
    assert cloud.invocation(command_id, instance_id)["StandardOutputContent"] == "kept\n"
    assert "on the console" in cloud.ec2.get_console_output(InstanceId=instance_id)["Output"]
