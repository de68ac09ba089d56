"""What a container starts, and which files it reaches: modules in other places of the image, and commands that start
nothing."""

from __future__ import annotations

from tests.corpus.case import Case
from tests.corpus.static_dockerfiles import APP, FROM, PIP, START
from tests.corpus.static_dockerfiles import refused as not_built
from tests.corpus.static_dockerfiles import works as builds
from tests.corpus.static_pins import broken as not_installed
from tests.corpus.static_pins import works as installs
from tests.corpus.static_python import broken, works
from tests.corpus.workers import COPY_ALL, SDK

_HANDLER = "def handler(job):\n    return {'ok': job['input']}\n"
_START = "runpod.serverless.start({'handler': handler})"
_RUN = f"import runpod\n{_HANDLER}def run():\n    {_START}\n"
_CALLS = "from {} import run\nrun()\n"
_INIT = "RUN apt-get update && apt-get install -y tini\n"
_BUILT = f"{APP}COPY . .\n"
_PINNED = "torch==2.4.0\n"
_CU130 = "https://download.pytorch.org/whl/cu130"

MODULES = (
    works(
        "search_path_made_longer",
        "a folder that the program adds to where modules are searched",
        f"import os, sys\nsys.path.append(os.path.join(os.path.dirname(__file__), 'src'))\n{_CALLS.format('core')}",
        **{"src/core.py": _RUN},
    ),
    works(
        "search_path_of_the_image",
        "a folder that PYTHONPATH names",
        _CALLS.format("core"),
        **{"src/core.py": _RUN, "Dockerfile": COPY_ALL.replace("CMD", "ENV PYTHONPATH=/app/src\nCMD")},
    ),
    works(
        "installed_from_src",
        "a package of the repository that is installed",
        _CALLS.format("words.main"),
        **{
            "src/words/__init__.py": "",
            "src/words/main.py": _RUN,
            "pyproject.toml": "[project]\nname = 'words'\nversion = '1'\n",
            "Dockerfile": COPY_ALL.replace("CMD", "RUN pip install --no-deps .\nCMD"),
        },
    ),
    works(
        "copied_into_one_folder",
        "modules of two folders that COPY puts into one",
        None,
        **{
            "app/handler.py": _CALLS.format("core"),
            "lib/core.py": _RUN,
            "Dockerfile": COPY_ALL.replace("COPY . .", "COPY app/handler.py lib/core.py test_input.json ./"),
        },
    ),
    works(
        "copied_under_another_name",
        "a module that COPY gives its name",
        _CALLS.format("core"),
        **{
            "src/implementation.py": _RUN,
            "Dockerfile": COPY_ALL.replace(
                "COPY . .", "COPY handler.py test_input.json ./\nCOPY src/implementation.py core.py"
            ),
        },
    ),
    works(
        "broken_file_elsewhere",
        "a file of a package's name that the program doesn't import",
        f"import requests\n{_RUN}run()\n",
        **{"old/requests.py": "print 'x'\n"},
    ),
    works(
        "star_import_of_its_own",
        "start through two star imports of the repository's own files",
        "from core import *\nfrom other import *\nstart({'handler': handler})\n",
        **{"core.py": f"from runpod.serverless import start\n{_HANDLER}", "other.py": "x = 1\n"},
    ),
    works(
        "one_name_from_two_places",
        "one name that is imported from either of two files",
        "import os\nif os.getenv('FAST'):\n    from fast import run\nelse:\n    from slow import run\nrun()\n",
        **{"fast.py": _RUN, "slow.py": "def run():\n    print('nothing')\n"},
    ),
    works(
        "sdk_of_another_file",
        "the SDK as another file of the repository has imported it",
        f"import core\n{_HANDLER}core.runpod.serverless.start({{'handler': handler}})\n",
        **{"core.py": "import runpod\n"},
    ),
    broken(
        "guard_of_an_imported_file",
        "start_call_missing",
        "a start call that only starting the imported file would reach",
        "import core\n",
        **{"core.py": f"import runpod\n{_HANDLER}if __name__ == '__main__':\n    {_START}\n"},
    ),
    broken(
        "import_under_the_guard_of_an_imported_file",
        "start_call_missing",
        "an import that only starting the imported file would reach",
        "import core\n",
        **{"core.py": "if '__main__' == __name__:\n    from boot import run\n    run()\n", "boot.py": _RUN},
    ),
)

IDLE = tuple(
    broken(
        f"idle_{name}",
        "command_starts_nothing",
        holds,
        f"{_RUN}run()\n",
        Dockerfile=dockerfile,
    )
    for name, holds, dockerfile in (
        ("no_command", "an image without a command", _BUILT),
        ("python_alone", "Python without a program", f'{_BUILT}CMD ["python", "-u"]\n'),
        ("shell_alone", "a shell without input", f'{_BUILT}CMD ["/bin/bash"]\n'),
        ("sleep", "a container for people to log in to", f"{_BUILT}CMD sleep infinity\n"),
        (
            "tail",
            "the same behind an init",
            f'{_BUILT}{_INIT}ENTRYPOINT ["tini", "--"]\nCMD ["tail", "-f", "/dev/null"]\n',
        ),
        ("single_quotes", "a list in single quotes, which is no JSON", f"{_BUILT}CMD ['python', 'handler.py']\n"),
        ("last_comma", "a list with a comma at its end", f'{_BUILT}CMD [ "python", "handler.py", ]\n'),
        ("cd", "a shell's command without a shell", f'{_BUILT}CMD ["cd", "/app", "&&", "python", "handler.py"]\n'),
        (
            "forgotten_command",
            "ENTRYPOINT forgets the CMD of the stage below",
            f'{FROM.strip()} AS one\n{PIP}COPY . .\nCMD ["handler.py"]\nFROM one\nENTRYPOINT ["python", "-u"]\n',
        ),
    )
)
BUSY = tuple(
    builds(f"busy_{name}", holds, dockerfile)
    for name, holds, dockerfile in (
        ("base_with_a_start", "a base image that starts what it likes", "FROM runpod/base:0.6.2-cpu\nCOPY . .\n"),
        ("test_and_start", "a condition in brackets", f"{_BUILT}CMD [ -f /x ] || exec python -u handler.py\n"),
        ("python_from_a_text", "a program within the command", f"{_BUILT}CMD python -uc 'import handler'\n"),
        ("python_m", "a module right behind its option", f"{_BUILT}CMD python -mhandler\n"),
        ("slept_before", "a pause before the start", f"{_BUILT}CMD sleep 1; exec python -u handler.py\n"),
        ("shell_file", "a shell with a script", f"{_BUILT}COPY <<EOF s.sh\npython handler.py\nEOF\nCMD bash -e s.sh\n"),
    )
)

ARGUMENTS = (
    not_built(
        "argument_not_declared_again",
        "copy_source_missing",
        "an ARG from before FROM is empty in a stage that doesn't declare it",
        f"ARG WHERE=src\n{APP}COPY ${{WHERE}}/handler.py .\n{START}",
        **{"src/handler.py": _RUN, "handler.py": None},
    ),
    builds(
        "argument_declared_again",
        "the same in a stage that does",
        f"ARG WHERE=src\n{APP}ARG WHERE\nCOPY ${{WHERE}}/handler.py .\n{START}",
        **{"src/handler.py": _RUN, "handler.py": None},
    ),
    builds(
        "argument_of_the_stage_below",
        "a stage has the ARGs of the one that it builds on",
        f"FROM python:3.11-slim AS one\n{PIP}ARG WHERE=src\nFROM one\nWORKDIR /app\nCOPY $WHERE/handler.py .\n{START}",
        **{"src/handler.py": _RUN, "handler.py": None},
    ),
    builds(
        "variable_of_the_base",
        "a variable that the base image has, beside an ARG of its name",
        f"ARG PYTHON_VERSION=3.11\n{APP}COPY for-$PYTHON_VERSION/handler.py .\n{START}",
        **{"for-3.11.9/handler.py": _RUN},
    ),
    not_built(
        "variable_without_a_shell",
        "command_target_missing",
        "without a shell a variable is a file's name",
        f'{APP}ENV FILE=handler.py\nCOPY handler.py .\nCMD ["python", "-u", "$FILE"]\n',
    ),
)

PACKAGES = (
    installs(
        "constraint_of_what_nothing_asks_for",
        "a constraint on a package that is not installed",
        **{
            "requirements.txt": f"-c limits.txt\n{SDK}{_PINNED}",
            "limits.txt": "xformers==0.0.26.post1\n",
            "Dockerfile": COPY_ALL.replace("COPY requirements.txt .", "COPY *.txt ./"),
        },
    ),
    not_installed(
        "constraint_of_what_is_asked_for",
        "torch_mismatch",
        "a constraint on a package that is installed",
        **{
            "requirements.txt": f"-c limits.txt\n{SDK}{_PINNED}xformers\n",
            "limits.txt": "xformers==0.0.26.post1\n",
            "Dockerfile": COPY_ALL.replace("COPY requirements.txt .", "COPY *.txt ./"),
        },
    ),
    not_installed(
        "build_beside_pypi",
        "torch_index",
        "a build that was never published, with PyPI named as the other index",
        f"RUN pip install torch==2.4.0+cu130 --index-url {_CU130} --extra-index-url https://pypi.org/simple",
    ),
    installs(
        "another_build_beside_pypi",
        "an additional index of PyTorch's that hasn't the version, which PyPI has",
        "RUN pip install torch==2.7.0 --extra-index-url https://download.pytorch.org/whl/cu121",
    ),
    installs(
        "build_from_pypi",
        "PyPI's own build, though PyTorch's index has none",
        f"RUN pip install torch==2.4.0 --index-url {_CU130} --extra-index-url https://pypi.org/simple",
    ),
)

REACHED: tuple[Case, ...] = (*MODULES, *IDLE, *BUSY, *ARGUMENTS, *PACKAGES)
