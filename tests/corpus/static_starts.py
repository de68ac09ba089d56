"""What the final image surely holds and starts: files that a build takes away, modes, `#!` lines, exec form, PATH."""

from __future__ import annotations

from dataclasses import replace

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, fails, passes
from tests.corpus.static_dockerfiles import APP, FROM, PIP, START, refused, works
from tests.corpus.workers import handler

ALL = f"{APP}COPY . .\n"
RUN_SH = "#!/bin/bash\nset -e\nexec python -u /app/handler.py\n"
READS_WORDS = handler('return {"words": open("words.txt").read().split()}')


def without_right(case: Case, *names: str) -> Case:
    """The same with scripts that git has without the right to execute them."""
    return replace(case, not_executable=names)


MODES = (
    without_right(
        refused(
            "start_without_right",
            "command_not_executable",
            "exec form of a script that nobody may execute",
            f'{ALL}CMD ["./run.sh"]\n',
            **{"run.sh": RUN_SH},
        ),
        "run.sh",
    ),
    without_right(
        refused(
            "start_right_lost_again",
            "command_not_executable",
            "a second COPY brings the mode of the repository back",
            f'{ALL}RUN chmod +x run.sh\nCOPY run.sh /app/run.sh\nCMD ["/app/run.sh"]\n',
            **{"run.sh": RUN_SH},
        ),
        "run.sh",
    ),
    without_right(
        refused(
            "start_inner_without_right",
            "command_not_executable",
            "a script that ends as another one, which nobody may execute",
            f'{ALL}CMD ["bash", "outer.sh"]\n',
            **{"outer.sh": "#!/bin/bash\nexec /app/run.sh\n", "run.sh": RUN_SH},
        ),
        "run.sh",
    ),
    without_right(
        works(
            "start_right_by_chmod",
            "RUN chmod gives the right, on a name that a pattern meets",
            f'{ALL}RUN chmod a+rx ./*.sh\nCMD ["./run.sh"]\n',
            **{"run.sh": RUN_SH},
        ),
        "run.sh",
    ),
    without_right(
        works(
            "start_right_by_copy",
            "COPY --chmod gives the right, and a copy of the copy keeps it",
            f"{APP}COPY handler.py .\nCOPY --chmod=0755 run.sh /tmp/run.sh\nRUN cp /tmp/run.sh /run.sh\n"
            'ENTRYPOINT ["/run.sh"]\n',
            **{"run.sh": RUN_SH},
        ),
        "run.sh",
    ),
    without_right(
        works(
            "start_by_a_shell",
            "a shell that is given a script needs no right to execute it",
            f'{ALL}CMD ["/bin/bash", "run.sh"]\n',
            **{"run.sh": RUN_SH},
        ),
        "run.sh",
    ),
    without_right(
        works(
            "start_right_by_find",
            "a search gives the right to what it finds",
            f'{ALL}RUN find /app -type f -name "*.sh" -exec chmod 755 {{}} \\;\nCMD ["/app/run.sh"]\n',
            **{"run.sh": RUN_SH},
        ),
        "run.sh",
    ),
)

FIRST_LINES = (
    refused(
        "start_without_shebang",
        "command_format",
        "exec form of a script whose first line is no `#!` line",
        f'{APP}COPY handler.py .\nCOPY --chmod=755 run.sh /\nCMD ["/run.sh"]\n',
        **{"run.sh": "# starts the worker\nexec python -u /app/handler.py\n"},
    ),
    refused(
        "start_with_returns",
        "command_interpreter",
        "a `#!` line with a carriage return",
        f'{ALL}CMD ["/app/run.sh"]\n',
        **{"run.sh": RUN_SH.replace("\n", "\r\n")},
    ),
    refused(
        "start_on_alpine",
        "command_interpreter",
        "a script for bash on an image without it",
        f'FROM python:3.11-alpine\n{PIP}WORKDIR /app\nCOPY . .\nCMD ["/app/run.sh"]\n',
        **{"run.sh": RUN_SH},
    ),
    works(
        "start_without_shebang_by_a_shell",
        "a shell runs a script without `#!` itself",
        f"{APP}COPY handler.py .\nCOPY --chmod=755 run.sh /\nCMD /run.sh\n",
        **{"run.sh": "exec python -u /app/handler.py\n"},
    ),
    works(
        "start_with_returns_taken_out",
        "carriage returns that a RUN takes out",
        f"{ALL}RUN sed -i 's/\\r$//' run.sh\nCMD [\"/app/run.sh\"]\n",
        **{"run.sh": RUN_SH.replace("\n", "\r\n")},
    ),
    works(
        "start_on_alpine_with_bash",
        "a script for bash where it is installed",
        f'FROM python:3.11-alpine\nRUN apk add --no-cache bash\n{PIP}WORKDIR /app\nCOPY . .\nCMD ["/app/run.sh"]\n',
        **{"run.sh": RUN_SH},
    ),
)

WORDS = (
    refused(
        "start_with_a_home",
        "command_target_missing",
        "`~` in exec form is a file's name",
        f'{ALL}CMD ["python", "-u", "~/handler.py"]\n',
    ),
    refused(
        "start_in_one_word",
        "command_not_found",
        "a command line as one word of exec form",
        f'{ALL}CMD ["python -u handler.py"]\n',
    ),
    refused(
        "start_by_a_bare_name",
        "command_not_found",
        "a script by its mere name, which is looked for in PATH alone",
        f'{ALL}CMD ["run.sh"]\n',
        **{"run.sh": RUN_SH},
    ),
    refused(
        "start_with_another_path",
        "command_not_found",
        "PATH that is replaced by a folder without Python",
        f"{ALL}ENV PATH=/app/bin\n{START}",
    ),
    refused(
        "start_of_two_forms",
        "command_form",
        "an interpreter as ENTRYPOINT in exec form gets CMD in shell form as `/bin/sh -c`",
        f'{ALL}ENTRYPOINT ["python", "-u"]\nCMD handler.py\n',
    ),
    works(
        "start_with_a_longer_path",
        "PATH that is made longer, and one that an environment stands in",
        f"{FROM}RUN python -m venv /opt/worker && /opt/worker/bin/pip install runpod==1.12.0\n"
        f'ENV PATH="/opt/worker/bin:$PATH"\nWORKDIR /app\nCOPY . .\n{START}',
    ),
    works(
        "start_of_two_exec_forms",
        "ENTRYPOINT and CMD that make one command",
        f'{ALL}ENTRYPOINT ["python", "-u"]\nCMD ["handler.py"]\n',
    ),
    works(
        "start_that_passes_on",
        "a script as ENTRYPOINT that runs a CMD in shell form",
        f'{ALL}ENTRYPOINT ["/app/run.sh"]\nCMD python -u /app/handler.py\n',
        **{"run.sh": '#!/bin/sh\nexec "$@"\n'},
    ),
)

PLACES = (
    refused(
        "start_in_a_file",
        "command_target_missing",
        "a file copied to a path without a slash is no folder",
        f'{FROM}{PIP}COPY handler.py /worker\nCMD ["python", "/worker/handler.py"]\n',
    ),
    refused(
        "start_of_what_is_moved",
        "command_target_missing",
        "RUN mv takes away what CMD starts",
        f"{ALL}RUN mv handler.py worker.py\n{START}",
    ),
    works(
        "start_in_a_folder",
        "the same with a slash",
        f'{FROM}{PIP}COPY handler.py /worker/\nCMD ["python", "/worker/handler.py"]\n',
    ),
    works(
        "start_of_what_is_linked",
        "RUN ln and mv leave another way to the same file",
        f"{ALL}RUN mkdir /src2 && mv handler.py /src2/ && ln -s /src2/handler.py /app/handler.py\n{START}",
    ),
)


def _reading(name: str, holds: str, run: str, *, is_gone: bool, files: dict[str, str] | None = None) -> Case:
    check = CheckName.PYTHON_STATIC
    return Case(
        name=f"docker_needs_{name}",
        holds=holds,
        truth=ReportStatus.FAILED if is_gone else ReportStatus.SUCCESS,
        expected=(fails(check, "file_removed") if is_gone else passes(check),),
        files={"Dockerfile": f"{ALL}{run}{START}", "handler.py": READS_WORDS, "words.txt": "a b\n", **(files or {})},
        kind=Kind.STATIC,
    )


_IMPORTS = {
    "handler.py": handler('return {"n": counting.count(job)}', before="import counting"),
    "counting.py": "def count(job):\n    return 1\n",
}

NEEDS = (
    _reading("what_is_removed", "RUN rm takes away what the handler reads", "RUN rm -f *.txt\n", is_gone=True),
    _reading(
        "a_removed_module",
        "RUN rm takes away what the handler imports",
        "RUN pip check && rm counting.py\n",
        is_gone=True,
        files=_IMPORTS,
    ),
    _reading(
        "what_is_made_anew",
        "what is removed is made again",
        "RUN rm words.txt && printf 'a b' > words.txt\n",
        is_gone=False,
    ),
    _reading(
        "what_is_removed_perhaps",
        "a condition decides what is removed",
        "RUN if [ -d tests ]; then rm -rf tests *.txt; fi\n",
        is_gone=False,
    ),
    _reading(
        "a_module_that_was_installed",
        "what is removed has been installed as a package before",
        "RUN pip install . && rm counting.py\n",
        is_gone=False,
        files={**_IMPORTS, "pyproject.toml": '[project]\nname = "counting"\nversion = "1"\n'},
    ),
)

STARTS = (*MODES, *FIRST_LINES, *WORDS, *PLACES, *NEEDS)
