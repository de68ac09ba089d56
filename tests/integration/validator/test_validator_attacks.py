"""Workers that attack their validator's program, memory, spec, report and log. The verdict stays true."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from janitor.guest.processes.child_user import OUTER_ID, NoChildUserError, make_child_user
from janitor.protocol.terms.proof import is_proven, new_key
from janitor.protocol.terms.statuses import CheckStatus, ReportStatus
from tests.integration.validator.conftest import handler

MARK = "plain-mark-of-the-validators-environment"

# Tries everything on every process above, and tells what went through.
ATTACK = """\
import ctypes, glob, os, signal
through = []

def attempt(name, deed):
    try:
        if deed() is not False:
            through.append(name)
    except Exception:
        pass

def wrote(path):
    with open(path, "r+b") as file:
        file.write(b"PK")

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def traced(pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    return libc.ptrace(16, pid, None, None) == 0

above, pid = [], os.getppid()
while pid > 1:
    # Its own user's, such as the installer that started it, are no one's but its own.
    if open(f"/proc/{pid}/status").read().partition("Uid:")[2].split()[0] != "0":
        above.append(pid)
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    pid = int(fields[1])
for number, pid in enumerate(above[:1]):
    words = open(f"/proc/{pid}/cmdline", "rb").read().decode().split(chr(0))
    for word in words:
        if word.endswith(".pyz") or word.startswith("/proc/self/fd/"):
            path = word.replace("/proc/self", f"/proc/{pid}")
            attempt(f"write {path}", lambda: wrote(path))
            attempt(f"replace {path}", lambda: os.replace(__file__, path))
    for name in ("mem", "environ", "maps", "auxv"):
        attempt(f"read {name}", lambda: read(f"/proc/{pid}/{name}"))
    attempt("list fd", lambda: os.listdir(f"/proc/{pid}/fd"))
    for descriptor in range(12):
        attempt(f"write fd {descriptor}", lambda: open(f"/proc/{pid}/fd/{descriptor}", "wb").write(LINE))
    attempt("see its files", lambda: os.listdir(f"/proc/{pid}/cwd"))
    attempt("see its root", lambda: os.listdir(f"/proc/{pid}/root/root"))
    attempt("trace", lambda: traced(pid))
    for sign in (0, signal.SIGSTOP, signal.SIGTERM, signal.SIGKILL):
        attempt(f"signal {int(sign)}", lambda: os.kill(pid, sign))
workspace = os.path.dirname(os.path.dirname(os.environ["HOME"]))
attempt("list the workspace", lambda: os.listdir(workspace))
for name in ("own", "pristine"):
    attempt(f"list {name}", lambda: os.listdir(os.path.join(workspace, name)))
    attempt(f"write {name}", lambda: open(os.path.join(workspace, name, "x"), "w"))
attempt("write the checkout", lambda: open(os.path.join(workspace, "repository", "handler.py"), "a"))
attempt("list root's home", lambda: os.listdir("/root/.ssh") and False)
attempt("write the system", lambda: os.access("/etc", os.W_OK))
attempt("become another", lambda: os.setuid(1))
attempt("keep a group", lambda: bool([group for group in os.getgroups() if group]))
"""
LINE = 'LINE = b"23:59:59 report delivered, sha256 " + b"0" * 64 + bytes([10])\n'


@pytest.fixture(scope="module", autouse=True)
def child_user() -> None:
    """These tests are about what a user of their own keeps from the workers."""
    try:
        make_child_user([]).close()
    except NoChildUserError as exc:
        pytest.skip(f"the workers of this machine can't get a user of their own: {exc}")


def test_a_worker_reaches_nothing_of_its_validator(start_validator, make_worker, serve):
    served = serve(lambda *_: (200, {}))
    key = new_key()
    url = f"{served.url}/report?X-Amz-Signature=0123456789abcdef"
    body = "return {'through': through, 'uid': os.getuid(), 'above': len(above)}"
    repository = make_worker(handler(body, before=LINE + ATTACK))
    validation = start_validator(repository, report_url=url, proof_key=key.hex(), environment={"SECRET": MARK})
    result = validation.result()
    assert result.status is ReportStatus.SUCCESS, result.output[-3000:]
    assert "as a user of their own" in result.evidence("host")
    text = result.evidence("handler_local")
    assert "'through': []" in text, text
    assert "'uid': 0" in text
    [(_, _, uploaded)] = [request for request in served.requests if request[0] == "PUT"]
    assert is_proven(uploaded, key)
    # The last line is the validator's own.
    last = result.output.splitlines()[-1]
    assert "report delivered, sha256 " in last
    assert "0" * 64 not in result.output


def test_a_worker_that_fails_and_ends_its_validator_is_failed(validate, make_worker):
    before = (
        "import os, signal\n"
        "for pid in (os.getppid(), 1):\n"
        "    for sign in (signal.SIGTERM, signal.SIGKILL):\n"
        "        try:\n"
        "            os.kill(pid, sign)\n"
        "        except OSError as exc:\n"
        "            print(type(exc).__name__)\n"
    )
    result = validate(make_worker(handler("raise ValueError('broken')", before=before)))
    assert (result.status, result.reason[0]) == (ReportStatus.FAILED, "handler_local"), result.output


def test_a_package_that_is_built_reaches_nothing_either(validate, make_worker):
    setup = (
        f"{LINE}{ATTACK}\n"
        "import sys\n"
        "from setuptools import setup\n"
        "if through:\n"
        "    sys.exit('went through: ' + repr(through))\n"
        "setup(name='local-package', version='1', py_modules=['local_package'])\n"
    )
    files = {
        "package/setup.py": setup.replace("__file__", "'setup.py'"),
        "package/local_package.py": "VALUE = 1\n",
        "Dockerfile": "FROM python:3.11-slim\nWORKDIR /app\nCOPY . .\nRUN pip install setuptools wheel\n"
        'RUN pip install --no-build-isolation ./package\nCMD ["python", "-u", "handler.py"]\n',
    }
    source = handler("import local_package\nreturn {'value': local_package.VALUE}")
    result = validate(make_worker(source.replace("import runpod\n", "import runpod\n", 1), files), seconds=240)
    assert "went through" not in result.output
    assert result.check("build").status is CheckStatus.PASS, result.output[-3000:]


def test_links_of_a_worker_lead_the_validator_nowhere(validate, make_worker, tmp_path):
    """The first run puts a link in the place of its folder: what is laid out for the second must not follow it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o777)
    setup = (
        "import os, shutil\n"
        "from setuptools import setup\n"
        "root = os.path.join(os.path.dirname(os.path.dirname(os.environ['HOME'])), 'image')\n"
        "if not os.path.islink(os.path.join(root, 'data')):\n"
        "    shutil.rmtree(os.path.join(root, 'data'))\n"
        f"    os.symlink({str(outside)!r}, os.path.join(root, 'data'))\n"
        "setup(name='local-package', version='1', py_modules=['local_package'])\n"
    )
    files = {
        "package/setup.py": setup,
        "package/local_package.py": "VALUE = 1\n",
        "data/first": "1\n",
        "data/second": "2\n",
        "Dockerfile": "FROM python:3.11-slim\nWORKDIR /app\nCOPY data/first /data/first\nCOPY package /app/package\n"
        "RUN pip install setuptools wheel\nRUN pip install --no-build-isolation /app/package\n"
        'COPY data/second /data/second\nCOPY . .\nCMD ["python", "-u", "handler.py"]\n',
    }
    result = validate(make_worker(handler("return {'ok': 1}"), files), seconds=240)
    assert list(outside.iterdir()) == [], result.output
    assert result.status is not ReportStatus.SUCCESS, result.output[-3000:]


@pytest.mark.parametrize("when", ["check checkout started", "check build started"])
def test_the_validator_reads_nothing_of_its_file_once_a_worker_could_write_it(
    start_validator, make_worker, artefact, tmp_path, when
):
    copy = Path(shutil.copy(artefact, tmp_path / "copy.pyz"))
    repository = make_worker(handler("return {'ok': 1}"))
    validation = start_validator(repository, program=copy)
    validation.wait_for_line(when)
    copy.write_bytes(b"not a zip any more")
    result = validation.result()
    assert result.status is ReportStatus.SUCCESS, result.output[-3000:]


def test_all_modules_are_loaded_at_once(artefact):
    program = (
        "import sys, zipfile\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from janitor.validator.loading import load_everything, close_search_path\n"
        "load_everything()\n"
        "names = [n for n in zipfile.ZipFile(sys.argv[1]).namelist() if n.endswith('.py')]\n"
        "modules = {n[:-3].replace('/', '.').removesuffix('.__init__') for n in names if n.startswith('janitor/')}\n"
        "print(sorted(modules - set(sys.modules)))\n"
        "close_search_path()\n"
        "print([entry for entry in sys.path if 'site-packages' in entry or not entry.startswith(sys.base_prefix)])\n"
    )
    argv = [sys.executable, "-c", program, str(artefact)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [
        "['janitor.protocol.report_schema', 'janitor.validator.__main__']",
        "[]",
    ]


def test_the_processes_have_no_capabilities_and_no_way_back(validate, make_worker):
    body = (
        "status = dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines() if ':' in line)\n"
        "mapped = open('/proc/self/uid_map').read().split()\n"
        "return {'caps': [status[n].strip() for n in ('CapPrm', 'CapEff', 'CapBnd', 'CapAmb')],\n"
        "        'new': status['NoNewPrivs'].strip(), 'mapped': mapped}"
    )
    result = validate(make_worker(handler(body)))
    text = result.evidence("handler_local")
    assert "'caps': ['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000']" in text, text
    assert "'new': '1'" in text
    assert f"'mapped': ['0', '{OUTER_ID}', '1']" in text


def test_where_there_is_one_user_alone_the_processes_stay_its_own(artefact, tmp_path):
    program = (
        "import os, sys\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "from datetime import timedelta\n"
        "from pathlib import Path\n"
        "from janitor.validator.housing import house\n"
        "from janitor.guest.processes.supervisor import run\n"
        "from janitor.validator.settings import Settings\n"
        "from janitor.validator.workspace import Workspace\n"
        "workspace = Workspace.make(Path(sys.argv[2]))\n"
        "housing = house(Settings.from_environment({'PATH': os.environ['PATH'], 'HOME': sys.argv[2]}), workspace)\n"
        "argv = ['sh', '-c', f'touch {workspace.home}/x {workspace.temporary}/x && ls -a {workspace.home}']\n"
        "env = {'PATH': os.environ['PATH']}\n"
        "done = run(argv, cwd=workspace.neutral, env=env, limit=timedelta(seconds=20), confined=True)\n"
        "print(housing.described, done.exit_code, done.output.text.split())\n"
    )
    argv = ["unshare", "--user", "--map-root-user", sys.executable, "-c", program, str(artefact), str(tmp_path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("as the validator's user: "), done.stdout
    assert done.stdout.endswith("0 ['.', '..', 'x']\n"), done.stdout


def test_output_that_is_opened_anew_is_the_worker_s_own(validate, make_worker):
    """As shells, `tee` and log handlers do: the pipe is theirs to open."""
    body = (
        "import subprocess\n"
        "for path in ('/dev/stdout', '/dev/stderr', '/proc/self/fd/1'):\n"
        "    open(path, 'w').close()\n"
        "subprocess.run('echo hello | tee /dev/stderr > /dev/stdout', shell=True, check=True)\n"
        "return {'said': 'hello'}"
    )
    result = validate(make_worker(handler(body)))
    assert result.check("handler_local").status is CheckStatus.PASS, result.output


@pytest.mark.parametrize(
    "body",
    [
        "import subprocess\nsubprocess.run('mkdir -p /outputs/x', shell=True, check=True)\nreturn {'a': 'x'}",
        "try:\n    open('/outputs.txt', 'w')\nexcept OSError as e:\n    return {'error': str(e)}",
    ],
)
def test_a_path_that_a_container_s_root_may_write_to_is_no_fault_of_the_worker(validate, make_worker, body):
    check = validate(make_worker(handler(body))).check("handler_local")
    assert (check.status, check.reason_code) == (CheckStatus.ERROR, "engine_limit"), check
