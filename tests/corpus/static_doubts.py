"""Workers that work, though a reader can't see how: what it doesn't know it doesn't blame."""

from __future__ import annotations

from tests.corpus.case import Case
from tests.corpus.static_dockerfiles import APP, FROM, PIP, START, refused
from tests.corpus.static_dockerfiles import works as dockerfile_works
from tests.corpus.static_pins import broken as pins_broken
from tests.corpus.static_pins import works as pins_work
from tests.corpus.static_python import HANDLER, broken, on, untold, works
from tests.corpus.workers import HEALTHY, SDK

APART = f"{FROM}{PIP}WORKDIR /srv\n"
SCRIPT = f'{APP}COPY handler.py start.sh ./\nCMD ["bash", "/app/start.sh"]\n'
MATCH = "import sys\nmatch sys.argv:\n    case []:\n        x = 1\n    case _:\n        x = 2\n"


def _script(name: str, holds: str, text: str) -> Case:
    return dockerfile_works(name, holds, SCRIPT, **{"start.sh": f"#!/bin/bash\n{text}\n"})


def _made(name: str, command: str) -> Case:
    return dockerfile_works(f"made_by_{name}", f"files that {name} brings", f"{APART}RUN {command}\n{START}")


MADE = (
    _made("tar", "tar xzf /srv/app.tgz -C /"),
    _made("unzip", "unzip /srv/app.zip -d /app"),
    _made("git_in_a_folder", "git -C /opt clone https://example.org/app /app"),
    _made("git_with_settings", "git -c http.lowSpeedLimit=1 clone https://example.org/app /app"),
    _made("git_pull", "mkdir /app && cd /app && git init && git pull https://example.org/app"),
    _made("gh", "gh repo clone org/app /app"),
    _made("svn", "svn export https://example.org/app /app"),
    _made("huggingface", "huggingface-cli download org/app --local-dir /app"),
    _made("git_after_packages", "apt-get update && apt-get install -y git tar && git clone https://example.org/a /app"),
    refused(
        "made_by_nobody",
        "command_target_missing",
        "programs that bring files are installed, and none of them is run",
        f"{APART}RUN apt-get update && apt-get install -y git unzip tar \\\n  curl wget && git config --global a.b c "
        f"&& git lfs install\n{START}",
    ),
)

AT_THE_START = (
    dockerfile_works(
        "start_clones",
        "a start command that clones what it starts",
        f"{APART}CMD git clone https://example.org/app /app && python /app/handler.py\n",
    ),
    untold(
        "start_clones",
        "not_in_repository",
        "a start command that clones what it starts, and no Python here",
        None,
        Dockerfile=f"{APART}CMD git clone https://example.org/app /app && python /app/handler.py\n",
    ),
    _script(
        "runs_on_a_test", "a program that only a test starts", "python -u handler.py\n[ -f /x.py ] && python /x.py"
    ),
    dockerfile_works(
        "start_on_a_test",
        "a start command that only a test starts",
        f'{APP}COPY handler.py .\nCMD bash -c "test -f /opt/a.sh && bash /opt/a.sh; exec python handler.py"\n',
    ),
    _script(
        "text_of_a_heredoc", "a heredoc's text is no command", "python -u handler.py\ncat <<EOF\npython /gone.py\nEOF"
    ),
    dockerfile_works(
        "on_the_network_volume",
        "a program on the volume that a worker has at run time",
        f'{APART}CMD ["python", "/runpod-volume/handler.py"]\n',
    ),
    untold(
        "on_the_network_volume",
        "not_in_repository",
        "a program on the volume that a worker has at run time, and no Python here",
        None,
        Dockerfile=f'{APART}CMD ["python", "/runpod-volume/handler.py"]\n',
    ),
    dockerfile_works(
        "on_a_volume", "a program on a declared volume", f'{APART}VOLUME ["/data"]\nCMD python /data/w/handler.py\n'
    ),
    refused(
        "beside_a_volume",
        "command_target_missing",
        "a program beside a declared volume",
        f"{APART}VOLUME /data /logs\nCMD python /database/handler.py\n",
    ),
)

FOLDERS = (
    dockerfile_works(
        "uv_directory",
        "uv that changes to the worker's folder",
        f"{FROM}RUN pip install --no-cache-dir uv runpod==1.12.0\nCOPY handler.py /app/\n"
        'CMD ["uv", "run", "--directory", "/app", "python", "handler.py"]\n',
    ),
    *(
        dockerfile_works(
            f"cd_{name}",
            f"a start command with `{command}`",
            f"{APART}COPY handler.py start.sh /app/\nCMD bash /app/start.sh\n",
            **{"start.sh": f"#!/bin/bash\n{command}\npython -u handler.py\n"},
        )
        for name, command in (
            ("of_the_script", "cd $(dirname $0)"),
            ("of_the_script_in_backticks", "cd `dirname $0`"),
            ("behind_dashes", "cd -- /app"),
            ("of_home", "cd ~/../app"),
            ("with_an_option", "cd -P /app"),
            ("to_home", "export HOME=/app; cd"),
            ("and_back", "cd /app; cd /tmp; cd -"),
            ("pushed", "pushd /app"),
            ("popped", "pushd /app; pushd /tmp; popd"),
            ("with_a_redirection", "cd /app > /dev/null"),
        )
    ),
    dockerfile_works(
        "cd_in_parentheses",
        "a folder within parentheses",
        f'{APART}COPY handler.py /app/\nCMD bash -c "(cd /app && python handler.py )"\n',
    ),
    dockerfile_works(
        "env_chdir",
        "env that changes the folder",
        f"{APART}COPY handler.py /app/\nCMD env --chdir=/app python handler.py\n",
    ),
    refused(
        "cd_to_a_plain_folder",
        "command_target_missing",
        "a folder in which the program isn't",
        f'{APP}COPY handler.py .\nCMD bash -c "cd /tmp && python handler.py"\n',
    ),
    dockerfile_works(
        "behind_a_link",
        "a program behind a symlink to a folder",
        f"{FROM}{PIP}COPY . /app/\nCMD python /app/cur/a.py\n",
        **{"pkg/a.py": HEALTHY, "cur": "-> pkg"},
    ),
    dockerfile_works(
        "copied_from_behind_a_link",
        "a file that is copied from behind a symlink to a folder",
        f"{FROM}{PIP}COPY cur/a.py /app/\nCMD python /app/a.py\n",
        **{"pkg/a.py": HEALTHY, "cur": "-> pkg"},
    ),
    refused(
        "beside_a_link",
        "command_target_missing",
        "a symlink to a folder beside a program that isn't there",
        f"{FROM}{PIP}COPY . /app/\nCMD python /app/gone.py\n",
        **{"pkg/a.py": HEALTHY, "cur": "-> pkg"},
    ),
    refused(
        "below_a_file",
        "command_target_missing",
        "a program below what is a file",
        f"{FROM}{PIP}COPY test_input.json /app\nCMD python /app/handler.py\n",
    ),
)


def _hidden(name: str, holds: str, text: str) -> Case:
    return untold(f"start_{name}", "start_unclear", holds, f"import runpod\n{HANDLER}{text}\n")


PROGRAMS = (
    works(
        "newer_module_behind_a_condition",
        "a module of a newer Python that is imported on that alone",
        "import sys\nif sys.version_info >= (3, 10):\n    import new_impl\n" + HEALTHY,
        **{"Dockerfile": on("python:3.9-slim"), "new_impl.py": MATCH},
    ),
    broken(
        "newer_module",
        "syntax_error",
        "a module of a newer Python",
        "import new_impl\n" + HEALTHY,
        **{"Dockerfile": on("python:3.9-slim"), "new_impl.py": MATCH},
    ),
    works(
        "star_import_of_serverless",
        "a star import of the SDK's own module",
        f"from runpod.serverless import *\n{HANDLER}start({{'handler': handler}})\n",
    ),
    broken(
        "start_of_its_own",
        "start_call_missing",
        "a star import, and a start of the worker's own",
        f"from runpod.serverless import *\n{HANDLER}def start(x):\n    return x\nstart({{'handler': handler}})\n",
    ),
    _hidden(
        "in_a_thread",
        "a thread that starts the SDK",
        "import threading\nthreading.Thread(target=runpod.serverless.start, args=({'handler': handler},)).start()",
    ),
    _hidden(
        "bound",
        "functools.partial of start",
        "from functools import partial\npartial(runpod.serverless.start, {'handler': handler})()",
    ),
    _hidden("in_a_table", "start in a dictionary", "{'start': runpod.serverless.start}['start']({'handler': handler})"),
    _hidden(
        "by_default",
        "start as a parameter's default",
        "def main(start=runpod.serverless.start):\n    start({'handler': handler})\nmain()",
    ),
    _hidden(
        "kept",
        "the SDK's module in an attribute",
        "class W:\n    def run(self):\n        self.sdk = runpod.serverless\n"
        "        self.sdk.start({'handler': handler})\n"
        "W().run()",
    ),
    untold(
        "installed_wrapper",
        "start_unclear",
        "an installed package that starts the handler",
        f"from acme_worker import serve\n{HANDLER}serve(handler)\n",
    ),
    untold(
        "installed_application",
        "start_unclear",
        "an object of an installed package that starts the handler",
        "import acme.worker\ndef run(job):\n    return job\napp = acme.worker.App(name='a')\napp.serve(handler=run)\n",
    ),
    broken(
        "handler_in_python_itself",
        "start_call_missing",
        "a handler that only Python's own library is given",
        f"import runpod\nimport atexit\n{HANDLER}atexit.register(handler)\n",
    ),
)

SPELLED = (
    pins_work(
        "post_release_spelled",
        "1.0-1, 1.0.r1 and 1.0.post1 are one version",
        **{"requirements.txt": f"{SDK}idna==3.0-1\nidna==3.0.post1\nidna==3.r01\n"},
    ),
    pins_work(
        "candidate_spelled",
        "1.0.c1 and 1.0rc1 are one version, and a missing number is 0",
        **{"requirements.txt": f"{SDK}idna==3.0.c1\nidna==3.0rc1\nsix==1.0.dev\nsix==1.0.dev0\n"},
    ),
    pins_broken(
        "post_release_is_another",
        "pin_conflict",
        "1.0-1 is not 11",
        **{"requirements.txt": f"{SDK}idna==1.0-1\nidna==11\n"},
    ),
)

DOUBTS = (*MADE, *AT_THE_START, *FOLDERS, *PROGRAMS, *SPELLED)
