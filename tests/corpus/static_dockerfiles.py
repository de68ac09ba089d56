"""What BuildKit takes and refuses, and what its context holds."""

from __future__ import annotations

from janitor.protocol.terms.statuses import CheckName, ReportStatus
from tests.corpus.case import Case, Kind, fails, passes
from tests.corpus.workers import HEALTHY

C, R = CheckName, ReportStatus
FROM = "FROM python:3.11-slim\n"
PIP = "RUN pip install --no-cache-dir runpod==1.12.0\n"
APP = f"{FROM}{PIP}WORKDIR /app\n"
START = 'CMD ["python", "-u", "/app/handler.py"]\n'


def works(name: str, holds: str, dockerfile: str, /, **files: str | None) -> Case:
    """A Dockerfile that builds and starts the handler."""
    return _case(name, holds, dockerfile, files, None)


def refused(name: str, code: str, holds: str, dockerfile: str, /, **files: str | None) -> Case:
    """A Dockerfile that can't be built, or an image that can't start."""
    return _case(name, holds, dockerfile, files, code)


def _case(name: str, holds: str, dockerfile: str, files: dict[str, str | None], code: str | None) -> Case:
    check = C.DOCKERFILE_PARSE
    return Case(
        name=f"docker_{name}",
        holds=holds,
        truth=R.SUCCESS if code is None else R.FAILED,
        expected=(passes(check) if code is None else fails(check, code),),
        files={"Dockerfile": dockerfile, **files},
        kind=Kind.STATIC,
    )


SYNTAX = (
    works(
        "shift_in_arithmetic", "`<< n` is no heredoc", f"{APP}ARG n=2\nRUN echo $((1 << n))\nCOPY handler.py .\n{START}"
    ),
    works(
        "heredoc_in_quotes",
        "`<<EOF` within quotes is text",
        f'{APP}RUN echo "use <<EOF to end"\nCOPY handler.py .\n{START}',
    ),
    refused(
        "heredoc_with_a_blank",
        "dockerfile_syntax",
        "`<< EOF` is no heredoc for BuildKit, so its lines are instructions",
        f"{APP}RUN cat << EOF > /x\nhello\nEOF\nCOPY handler.py .\n{START}",
    ),
    works(
        "heredoc_into_a_pipe",
        "a heredoc whose word stands before a redirection",
        f"{APP}RUN <<'EOT' bash -e\necho one\nEOT\nRUN cat <<-END >/x\n\thello\n\tEND\nCOPY handler.py .\n{START}",
    ),
    works(
        "double_backslash_at_the_end",
        "an escaped backslash continues nothing",
        f"{APP}RUN echo a\\\\\nCOPY handler.py .\n{START}",
    ),
    works(
        "comments_between",
        "comments and blank lines within a continued instruction",
        f"{APP}RUN echo a \\\n# one\n\n   # two\n  && echo b \\\n\nCOPY handler.py .\n{START}".replace(
            "b \\\n\nCOPY", "b\nCOPY"
        ),
    ),
    works(
        "escape_directive",
        "a backtick continues, a backslash doesn't",
        f"# syntax=docker/dockerfile:1\n# escape=`\n{APP}RUN echo c:\\ `\n && echo b\nCOPY handler.py .\n{START}",
    ),
    works(
        "bom_and_crlf",
        "a byte order mark and Windows line ends",
        "\ufeff" + f"{APP}COPY handler.py ./\n{START}".replace("\n", "\r\n"),
    ),
    works(
        "lower_case",
        "instructions in lower case",
        "from python:3.11-slim as base\nfrom base\nworkdir /app\n"
        "run pip install runpod==1.12.0\ncopy handler.py .\n"
        'cmd ["python", "handler.py"]\n',
    ),
    works(
        "quoted_base",
        "FROM takes quotes",
        f'ARG BASE="python:3.11-slim"\nFROM "${{BASE}}" AS one\n{PIP}WORKDIR /app\n'
        f'FROM "one"\nCOPY handler.py .\n{START}',
    ),
    works(
        "nested_defaults",
        "defaults within defaults",
        f"ARG A\nARG B\nFROM ${{A:-${{B:-python:3.11-slim}}}}\n{PIP}WORKDIR /app\nCOPY handler.py .\n{START}",
    ),
    works(
        "arg_before_from_again",
        "an ARG from before FROM, named again in the stage",
        "ARG FILE=handler.py\nARG TAG=3.11\nFROM python:${TAG}-slim\nARG FILE\n"
        f"{PIP}WORKDIR /app\nCOPY ${{FILE}} .\n{START}",
    ),
    works(
        "arg_before_from_not_again",
        "an ARG from before FROM has no value in a stage that doesn't name it",
        f"ARG DIR=gone\nARG TAG=3.11\nFROM python:${{TAG}}-slim\n{PIP}WORKDIR /app\n"
        f"COPY ${{DIR:-.}}/handler.py .\n{START}",
    ),
    works(
        "alternate_value",
        "${VAR:+word}",
        f"FROM python:3.11-slim\nARG SLIM\n{PIP}WORKDIR /app\nCOPY ${{SLIM:+slim/}}handler.py .\n{START}",
    ),
    works(
        "platform_arguments",
        "BUILDPLATFORM and TARGETARCH are set by BuildKit",
        f"FROM --platform=$BUILDPLATFORM python:3.11-slim AS b\nARG TARGETARCH\nRUN echo ${{TARGETARCH:?}} > /a\n{APP}"
        f"COPY --from=b /a /a\nCOPY handler.py .\n{START}",
    ),
    works(
        "onbuild_of_a_stage",
        "ONBUILD runs where a stage is built upon",
        "FROM python:3.11-slim AS base\nWORKDIR /app\nONBUILD COPY handler.py ./\n"
        f"ONBUILD RUN pip install runpod==1.12.0\nFROM base\n{START}",
    ),
    refused(
        "onbuild_of_nothing",
        "copy_source_missing",
        "ONBUILD COPY of a deleted file in a stage that is built upon",
        "FROM python:3.11-slim AS base\nWORKDIR /app\nONBUILD COPY gone.py ./\n"
        f"FROM base\n{PIP}COPY handler.py .\n{START}",
    ),
    works(
        "healthcheck_and_others",
        "instructions that bring nothing in",
        f'{APP}SHELL ["/bin/bash", "-c"]\nEXPOSE 8000/tcp\nVOLUME ["/data"]\nSTOPSIGNAL SIGINT\nLABEL a="b c" d=e\n'
        "HEALTHCHECK --interval=5s CMD curl -f http://localhost/ || exit 1\n"
        f"MAINTAINER me\nUSER 1000:1000\nCOPY handler.py .\n{START}",
    ),
    refused("copy_of_one_word", "dockerfile_syntax", "COPY with no destination", f"{APP}COPY handler.py\n{START}"),
    refused(
        "bad_escape",
        "dockerfile_syntax",
        "an escape character that isn't one",
        f"# escape=!\n{APP}COPY handler.py .\n{START}",
    ),
    refused(
        "copy_of_an_address",
        "copy_source_missing",
        "COPY takes no address; ADD does",
        f"{APP}COPY https://example.org/handler.py /x/\nCOPY handler.py .\n{START}",
    ),
    works(
        "add_of_addresses",
        "ADD of an address and of a git repository",
        f"{APP}ADD --checksum=sha256:{'0' * 64} https://example.org/a.bin /m/\n"
        "ADD https://github.com/runpod/runpod-python.git#main /src\nCOPY handler.py .\n"
        f"{START}",
    ),
)

IGNORED = (
    works(
        "ignore_all_but",
        "everything ignored but what is needed",
        f"{APP}COPY handler.py src ./\n{START}",
        **{".dockerignore": "# all\n*\n!handler.py\n!src/**\nsrc/*.txt\n", "src/a.py": "x = 1\n"},
    ),
    refused(
        "ignore_last_rule",
        "copy_source_missing",
        "the last rule that matches decides",
        f"{APP}COPY handler.py ./\n{START}",
        **{".dockerignore": "!handler.py\n*.py\n"},
    ),
    works(
        "ignore_content_of_a_folder",
        "`models/*` leaves the folder itself",
        f"{APP}COPY models /models\nCOPY handler.py .\n{START}",
        **{".dockerignore": "models/*\n", "models/a.bin": "x"},
    ),
    refused(
        "ignore_a_folder",
        "copy_source_missing",
        "`models` takes the folder away",
        f"{APP}COPY models /models\nCOPY handler.py .\n{START}",
        **{".dockerignore": "/models/\n", "models/a.bin": "x"},
    ),
    works(
        "ignore_of_its_own",
        "the Dockerfile's own ignore file goes before the context's",
        f"{APP}COPY handler.py ./\n{START}",
        **{".dockerignore": "*\n", "Dockerfile.dockerignore": "*.md\n"},
    ),
    works(
        "ignore_a_name_within",
        "`*.py` names only the first level",
        f"{APP}COPY src/handler.py ./\n{START}",
        **{".dockerignore": "*.py\n", "src/handler.py": HEALTHY},
    ),
    works(
        "ignore_with_blanks",
        "blanks, a byte order mark and dots in rules",
        f"{APP}COPY handler.py ./\n{START}",
        **{".dockerignore": "\ufeff  ./docs/../*.md  \n\n#*.py\n!  handler.py\n.\n"},
    ),
    works(
        "ignore_the_handler_but_not_its_folder",
        "a negated folder brings back what is in it",
        f"{APP}COPY src /app\n{START}",
        **{".dockerignore": "**\n!src\n", "src/handler.py": HEALTHY},
    ),
)

DOCKERFILES = (*SYNTAX, *IGNORED)
