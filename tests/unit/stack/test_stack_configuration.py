"""What the stack writes for others to read: their own parsers must read back what was meant."""

from __future__ import annotations

import configparser
import shlex
from datetime import timedelta
from pathlib import Path

import pytest
from supervisor.datatypes import dict_of_key_value_pairs
from supervisor.options import UnhosedConfigParser

from janitor.domain.errors import StackError
from janitor.settings import load_settings
from janitor.stack.airflow.config import render_airflow_config, render_local_settings
from janitor.stack.environment import airflow_environment, base_environment
from janitor.stack.state.layout import Layout
from janitor.stack.state.ports import Ports
from janitor.stack.state.secrets import StackSecrets
from janitor.stack.state.stack_env import current_ports, write_stack_env
from janitor.stack.supervisor.config import Program, SupervisorOptions, render_supervisor_config
from tests.support.stack import ROOT, stack_settings

PORTS = Ports(web=1, postgres=2, cloud=3, supervisor=4)
AWKWARD = "a folder, 100% new"


def options(folder: Path) -> SupervisorOptions:
    return SupervisorOptions(
        identifier="mark", port=4, password="secret", folder=folder, log=folder / "supervisord.log", as_root=False
    )


def supervisord_reads(text: str, section: str) -> dict[str, str]:
    parser = UnhosedConfigParser()
    parser.read_string(text)
    # supervisord expands %(name)s in every value; this is what it does with one that has none.
    return {name: value % {} for name, value in parser.items(section)}


def test_supervisord_reads_awkward_paths_back() -> None:
    folder = Path("/x") / AWKWARD
    program = Program(
        name="a",
        command=("/bin/echo", str(folder), "it's"),
        directory=folder,
        log=folder / "a.log",
        environment={"ONE": str(folder), "TWO": "0 3 * * *", "EMPTY": ""},
        stop_wait=timedelta(seconds=7),
    )
    read = supervisord_reads(render_supervisor_config(options(folder), [program]), "program:a")
    assert shlex.split(read["command"]) == ["/bin/echo", str(folder), "it's"]
    assert dict_of_key_value_pairs(read["environment"]) == dict(program.environment)
    assert read["directory"] == str(folder)
    assert read["stdout_logfile"] == str(folder / "a.log")
    assert read["stopwaitsecs"] == "7"
    assert read["autostart"] == "false"


@pytest.mark.parametrize("value", ["a\nb", "a ; b", "a # b", 'a"b'])
def test_what_supervisord_cant_read_is_refused(value: str) -> None:
    program = Program(
        name="a", command=("true",), directory=Path("/x"), log=Path("/x/a.log"), environment={"BAD": value}
    )
    with pytest.raises(StackError, match="can't hold environment of program:a"):
        render_supervisor_config(options(Path("/x")), [program])


def test_airflow_reads_awkward_paths_back(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path / AWKWARD)
    text = render_airflow_config(settings, Layout.of(settings), PORTS, StackSecrets())
    parser = configparser.ConfigParser()  # interpolates, as Airflow's does
    parser.read_string(text)
    assert parser["logging"]["base_log_folder"] == str(tmp_path / AWKWARD / "logs" / "tasks")
    assert parser["core"]["dags_folder"] == str(ROOT / "dags")
    assert parser["api"]["host"] == "127.0.0.1"
    assert parser["core"]["dags_are_paused_at_creation"] == "False"


def test_preloading_is_valid_python(tmp_path: Path) -> None:
    compile(render_local_settings(Layout(tmp_path / AWKWARD)), "airflow_local_settings.py", "exec")


def test_processes_get_what_they_need_and_no_more(tmp_path: Path) -> None:
    environ = {
        "PATH": "/usr/bin",
        "HOME": "/home/x",
        "LANG": "C.UTF-8",
        "HTTPS_PROXY": "http://proxy",
        "NO_PROXY": "corp",
        "AWS_PROFILE": "production",
        "AWS_SECRET_ACCESS_KEY": "real",
        "GITHUB_TOKEN": "token",
        "JANITOR_STACK_ID": "another stack's",
        "JANITOR_STATE_DIR": str(tmp_path),
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__CORE__EXECUTOR": "of another Airflow",
    }
    settings = load_settings("local", environ=environ, project_root=ROOT)
    layout, secrets = Layout.of(settings), StackSecrets()
    base = base_environment(settings, layout)
    assert not {"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"} & base.keys()
    assert base["AIRFLOW__METRICS__STATSD_ON"] == "True"
    assert "AIRFLOW__CORE__EXECUTOR" not in base
    assert base["PATH"].endswith(":/usr/bin")
    assert base["NO_PROXY"] == "corp,127.0.0.1,localhost"
    assert base["HTTPS_PROXY"] == "http://proxy"
    assert base["JANITOR_STACK_ID"] == layout.stack_id
    airflow = airflow_environment(settings, layout, PORTS, secrets)
    assert airflow["AWS_ENDPOINT_URL"] == "http://127.0.0.1:3"
    assert airflow["AWS_SECRET_ACCESS_KEY"] == secrets.cloud_secret_access_key
    assert airflow["AWS_EC2_METADATA_DISABLED"] == "true"


def test_stack_env_is_read_back_as_settings(tmp_path: Path) -> None:
    settings = stack_settings(tmp_path)
    layout, secrets = Layout.of(settings), StackSecrets()
    layout.create()
    write_stack_env(layout, settings, PORTS, secrets)
    again = settings.reload()
    assert layout.stack_env.stat().st_mode & 0o777 == 0o600
    assert current_ports(layout) == PORTS
    assert again.writer_url == f"postgresql://janitor_writer:{secrets.postgres_writer}@127.0.0.1:2/janitor"
    assert again.reader_url.startswith("postgresql://janitor_reader:")
    assert again.owner_url.startswith("postgresql://janitor_owner:")
    assert again.aws_endpoint_url == "http://127.0.0.1:3"
    assert again.aws_access_key_id == secrets.cloud_access_key_id
    assert again.airflow_login == ("http://127.0.0.1:1", "admin", secrets.airflow_password)
    assert again.deployment == settings.deployment
