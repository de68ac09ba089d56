"""What comes of the place and not of the repository: a network, a secret, a disk, a folder that only the image has; and
what one run leaves to the next."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, errs, fails, passes
from tests.corpus.workers import DOCKERFILE, case, cases_json, handler

C, R = CheckName, ReportStatus
LOCAL, API = C.HANDLER_LOCAL, C.HANDLER_API
_OK = 'return {"ok": 1}'
_INTO_WORKSPACE = """\
FROM {}
COPY requirements.txt /workspace
COPY handler.py /workspace
COPY test_input.json /workspace
WORKDIR /workspace
RUN pip install -r requirements.txt
CMD ["python", "-u", "handler.py"]
"""
_HUB = "https://huggingface.co/api/models/org/big"


def _raises(what: str, before: str = "") -> dict[str, str | None]:
    return {"handler.py": handler(f"raise {what}", before=before)}


def _tested_twice(source: str, **files: str | None) -> dict[str, str | None]:
    """Started once for its test input and once more for its API."""
    return {"handler.py": source, ".runpod/tests.json": cases_json(case()), **files}


PLACES = (
    # -- what one run leaves to the next: a container starts afresh
    Case(
        name="makes_a_folder_at_import",
        holds="FALSE BLAME: a folder that the first run made is there for the second",
        truth=R.SUCCESS,
        expected=(passes(API), passes(LOCAL)),
        files=_tested_twice(handler(_OK, before='import os\n\nos.mkdir("outputs")')),
    ),
    Case(
        name="changes_its_own_files",
        holds="FALSE BLAME: a first run that rewrites the worker's own file",
        truth=R.SUCCESS,
        expected=(passes(API), passes(LOCAL)),
        files=_tested_twice(
            handler(
                'with open("state.json", "w") as file:\n    file.write("not json any more")\nreturn {"ok": 1}',
                before='import json\n\nwith open("state.json") as file:\n    STATE = json.load(file)',
            ),
            **{
                "state.json": "{}",
                "Dockerfile": DOCKERFILE.replace("test_input.json ./", "test_input.json state.json ./"),
            },
        ),
    ),
    Case(
        name="removes_its_own_folder",
        holds="FALSE BLAME: a first run that removes what it no longer needs",
        truth=R.SUCCESS,
        expected=(passes(API), passes(LOCAL)),
        files=_tested_twice(
            handler(
                f"for path in FOLDERS:\n    shutil.rmtree(path, ignore_errors=True)\n{_OK}",
                before="import os\nimport shutil\nimport tempfile\n\n"
                "FOLDERS = (os.getcwd(), tempfile.gettempdir(), os.path.expanduser('~'))",
            )
        ),
    ),
    Case(
        name="home_is_used_twice",
        holds="FALSE BLAME: a cache in the home of the first run",
        truth=R.SUCCESS,
        expected=(passes(API), passes(LOCAL)),
        files=_tested_twice(handler(_OK, before='import os\n\nos.mkdir(os.path.expanduser("~/.cache-of-mine"))')),
    ),
    # -- what the image would have
    Case(
        name="folder_that_the_image_makes",
        holds="FALSE BLAME: RUN mkdir makes a folder that the handler writes into",
        truth=R.SUCCESS,
        expected=(passes(LOCAL),),
        files={
            "Dockerfile": DOCKERFILE.replace("CMD", "RUN mkdir -p outputs/images /app/logs && chmod 777 outputs\nCMD"),
            "handler.py": handler(
                'for path in ("outputs/images/a.txt", "logs/b.txt"):\n    with open(path, "w") as file:\n'
                f'        file.write("x")\n{_OK}'
            ),
        },
    ),
    Case(
        name="absolute_folder_that_the_image_makes",
        holds="FALSE BLAME: the same by its absolute path, which is not here",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files={
            "Dockerfile": DOCKERFILE.replace("CMD", "RUN mkdir -p /models/janitor-corpus\nCMD"),
            "handler.py": handler(f'open("/models/janitor-corpus/a.bin", "w").close()\n{_OK}'),
        },
    ),
    Case(
        name="copied_into_a_folder_of_the_base",
        holds="FALSE BLAME: a COPY without a slash into a folder that the base brings, as the WORKDIR after it tells",
        truth=R.SUCCESS,
        expected=(passes(C.BUILD), passes(LOCAL)),
        files={"Dockerfile": _INTO_WORKSPACE.format("runpod/base:0.6.2-cpu")},
    ),
    Case(
        name="file_in_place_of_a_folder",
        holds="FALSE BLAME: files that can't lie here as the copies put them",
        truth=R.ERROR,
        expected=(errs(C.BUILD, "engine_limit"),),
        files={
            "Dockerfile": DOCKERFILE.replace("CMD", "COPY test_input.json /data\nCOPY requirements.txt /data/\nCMD")
        },
    ),
    Case(
        name="file_that_the_image_writes",
        holds="FALSE BLAME: RUN echo writes a file that the handler reads",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files={
            "Dockerfile": DOCKERFILE.replace("CMD", "RUN echo '{}' > settings.json\nCMD"),
            "handler.py": handler(_OK, before='open("settings.json").close()'),
        },
    ),
    Case(
        name="file_that_nobody_has",
        holds="a file that is nowhere",
        truth=R.FAILED,
        expected=(fails(LOCAL, "start_failed"),),
        files={"handler.py": handler(_OK, before='open("settings.json").close()')},
    ),
    Case(
        name="may_not_write_there",
        holds="FALSE BLAME: a container's root may write where this user may not",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files=_raises('PermissionError(13, "Permission denied", "/outputs")'),
    ),
    Case(
        name="folder_of_another_validation",
        holds="FALSE BLAME: an absolute folder that somebody else has made on this machine",
        truth=R.ERROR,
        expected=(errs(LOCAL, "engine_limit"),),
        files=_raises('FileExistsError(17, "File exists", "/outputs")'),
    ),
    Case(
        name="port_is_taken",
        holds="FALSE BLAME: a fixed port that another process of the machine has",
        truth=R.ERROR,
        expected=(errs(LOCAL, "port_in_use"),),
        files=_raises('OSError(98, "Address already in use")'),
    ),
    # -- secrets and the network
    Case(
        name="secret_that_was_not_given",
        holds="FALSE BLAME: a token that this validation wasn't given",
        truth=R.ERROR,
        expected=(errs(LOCAL, "needs_secret"),),
        files={"handler.py": handler(_OK, before='import os\n\nTOKEN = os.environ["HF_TOKEN"]')},
    ),
    Case(
        name="secret_that_is_asked_for",
        holds="FALSE BLAME: the same in words",
        truth=R.ERROR,
        expected=(errs(LOCAL, "needs_secret"),),
        files=_raises('ValueError("BUCKET_ACCESS_KEY_ID environment variable is not set")'),
    ),
    Case(
        name="variable_that_is_no_secret",
        holds="a variable that the repository's own tests must give",
        truth=R.FAILED,
        expected=(fails(LOCAL, "start_failed"),),
        files={"handler.py": handler(_OK, before='import os\n\nNAME = os.environ["MODEL_NAME"]')},
    ),
    Case(
        name="gated_model",
        holds="FALSE BLAME: a gated model without a token",
        truth=R.ERROR,
        expected=(errs(LOCAL, "needs_token"),),
        files=_raises(f'OSError("You are trying to access a gated repo. 401 Client Error. Cannot access {_HUB}")'),
    ),
    Case(
        name="forbidden_model",
        holds="FALSE BLAME: 403 while it runs",
        truth=R.ERROR,
        expected=(errs(LOCAL, "needs_token"),),
        files=_raises(f'RuntimeError("403 Client Error: Forbidden for url: {_HUB}")'),
    ),
    Case(
        name="model_is_gone",
        holds="404 while it runs is the repository's own",
        truth=R.FAILED,
        expected=(fails(LOCAL, "handler_raised"),),
        files=_raises(f'RuntimeError("404 Client Error: Not Found for url: {_HUB}")'),
    ),
    Case(
        name="model_host_is_down",
        holds="FALSE BLAME: 503 while it runs",
        truth=R.ERROR,
        expected=(errs(LOCAL, "network"),),
        files=_raises(f'RuntimeError("503 Server Error: Service Unavailable for url: {_HUB}")'),
    ),
    Case(
        name="download_times_out",
        holds="FALSE BLAME: a download that takes too long",
        truth=R.ERROR,
        expected=(errs(LOCAL, "network"),),
        files=_raises('urllib.error.URLError(TimeoutError("timed out"))', "import urllib.error"),
    ),
    Case(
        name="connection_reset",
        holds="FALSE BLAME: a connection that broke",
        truth=R.ERROR,
        expected=(errs(LOCAL, "network"),),
        files=_raises('ConnectionResetError(104, "Connection reset by peer")'),
    ),
    Case(
        name="model_hub_unreachable",
        holds="FALSE BLAME: a model library's own words for no network",
        truth=R.ERROR,
        expected=(errs(LOCAL, "network"),),
        files=_raises(
            "OSError(\"We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them.\")"
        ),
    ),
    # -- memory and disk
    Case(
        name="memory_error",
        holds="FALSE BLAME: a plain MemoryError in the handler",
        truth=R.ERROR,
        expected=(errs(LOCAL, "out_of_memory"),),
        files=_raises("MemoryError()"),
    ),
    Case(
        name="loader_was_killed",
        holds="FALSE BLAME: a helper process that the kernel killed",
        truth=R.ERROR,
        expected=(errs(LOCAL, "out_of_memory"),),
        files=_raises('RuntimeError("DataLoader worker (pid 71) is killed by signal: Killed.")'),
    ),
    Case(
        name="disk_full_in_the_api",
        holds="FALSE BLAME: a full disk, through the API",
        truth=R.ERROR,
        expected=(errs(API, "disk_full"),),
        files={"handler.py": handler('yield 1\nraise OSError(28, "No space left on device")')},
    ),
)
