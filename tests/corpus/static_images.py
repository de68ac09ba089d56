"""Where a worker's files end up in its image, and what a container of it starts."""

from __future__ import annotations

import json

from tests.corpus.static_dockerfiles import APP, FROM, PIP, START, refused, works
from tests.corpus.workers import HEALTHY

PLACES = (
    works("into_the_workdir", "a file copied to WORKDIR's folder by its name", f"{APP}COPY handler.py /app\n{START}"),
    works(
        "into_a_system_folder",
        "a file copied to a folder that every image has",
        f'{APP}COPY start.sh /usr/local/bin\nCOPY handler.py .\nCMD ["/usr/local/bin/start.sh"]\n',
        **{"start.sh": "#!/bin/sh\npython -u /app/handler.py\n"},
    ),
    works(
        "into_a_made_folder",
        "a file copied to a folder that RUN made",
        f"{FROM}{PIP}RUN mkdir -p /srv/worker /logs\nCOPY handler.py /srv/worker\n"
        'CMD ["python", "/srv/worker/handler.py"]\n',
    ),
    works(
        "to_a_dot_folder",
        "`/app/.` is a folder",
        f'{FROM}{PIP}COPY handler.py /opt/w/.\nCMD ["python", "/opt/w/handler.py"]\n',
    ),
    works(
        "renamed", "a file copied under another name", f"{APP}COPY handler.py /app/worker.py\nCMD python -u worker.py\n"
    ),
    works(
        "parents",
        "COPY --parents keeps the folders",
        f"# syntax=docker/dockerfile:1\n{APP}COPY --parents src/handler.py /app/\n"
        'CMD ["python", "/app/src/handler.py"]\n',
        **{"src/handler.py": HEALTHY, "handler.py": None},
    ),
    works(
        "parents_with_a_pivot",
        "COPY --parents keeps the folders behind `/./`",
        f'{APP}COPY --parents ./src/./worker/handler.py /app/\nCMD ["python", "/app/worker/handler.py"]\n',
        **{"src/worker/handler.py": HEALTHY, "handler.py": None},
    ),
    refused(
        "exclude",
        "command_target_missing",
        "COPY --exclude leaves the handler out",
        f"{APP}COPY --exclude=handler.py . /app/\n{START}",
    ),
    works(
        "exclude_of_others",
        "COPY --exclude of what the worker doesn't need",
        f"{APP}COPY --exclude=*.md --exclude=tests . /app/\n{START}",
    ),
    works("chown_and_link", "flags of COPY", f"{APP}COPY --link --chown=1000:1000 --chmod=755 handler.py ./\n{START}"),
    works(
        "inline_script",
        "a script that a COPY heredoc brings",
        f"{APP}COPY handler.py .\nCOPY <<'EOF' /start.sh\n#!/bin/bash\nset -e\n"
        'python -u /app/handler.py\nEOF\nCMD ["bash", "/start.sh"]\n',
    ),
    works(
        "inline_handler",
        "a handler that a COPY heredoc brings",
        f"{APP}COPY <<EOF /app/handler.py\n{HEALTHY}EOF\n{START}",
        **{"handler.py": None},
    ),
    works(
        "run_makes_the_script",
        "a script that RUN writes",
        f"{APP}COPY handler.py .\nRUN <<EOF cat > /start.sh\n#!/bin/sh\n"
        'python -u /app/handler.py\nEOF\nCMD ["sh", "/start.sh"]\n',
    ),
    works(
        "symlinked_folder",
        "COPY of a symlink to a folder copies what is in it",
        f"{APP}COPY current /app/\n{START}",
        **{"v2/handler.py": HEALTHY, "current": "-> v2", "handler.py": None},
    ),
    works(
        "symlinked_file",
        "COPY of a symlink to a file copies the file",
        f"{APP}COPY handler.py ./\n{START}",
        **{"src/real.py": HEALTHY, "handler.py": "-> src/real.py"},
    ),
    works(
        "stage_by_index",
        "files through a stage by its index",
        f"FROM python:3.11-slim\nWORKDIR /w\nCOPY handler.py .\n{APP}COPY --from=0 /w /app\n{START}",
    ),
    works(
        "stage_by_name",
        "files through a stage by its name, in another case",
        f"FROM python:3.11-slim AS Build\nCOPY . /w\n{APP}COPY --from=build /w/handler.py /app/\n{START}",
    ),
    works(
        "from_an_image",
        "a script out of another image",
        f'{APP}COPY --from=ghcr.io/org/tool:1 /start.sh /start.sh\nCOPY handler.py .\nCMD ["/start.sh"]\n',
    ),
    works("glob", "a pattern that matches", f"{APP}COPY hand*.p[y] test_?nput.json ./\n{START}"),
    works("glob_of_nothing", "BuildKit lets a pattern match nothing", f"{APP}COPY *.lock handler.py ./\n{START}"),
    refused(
        "glob_beside_a_name",
        "copy_source_missing",
        "a name beside a pattern must be there",
        f"{APP}COPY *.lock gone.py ./\nCOPY handler.py .\n{START}",
    ),
    works("json_form", "COPY in its JSON form", f'{APP}COPY ["handler.py", "test_input.json", "./"]\n{START}'),
    works(
        "name_with_a_blank",
        "names with blanks",
        f'{APP}COPY ["my handler.py", "/app/handler.py"]\n{START}',
        **{"my handler.py": HEALTHY, "handler.py": None},
    ),
    works(
        "leading_slash",
        "a source with a slash in front is one of the context",
        f"{APP}COPY /handler.py ../../handler.py ./\n{START}",
    ),
    works(
        "relative_workdir",
        "WORKDIR after WORKDIR",
        f"{FROM}{PIP}WORKDIR /srv\nWORKDIR app\nENV SUB=inner\nWORKDIR $SUB\n"
        'COPY handler.py .\nCMD ["python", "/srv/app/inner/handler.py"]\n',
    ),
    works(
        "workdir_of_the_base",
        "the base image's own WORKDIR",
        "FROM pytorch/pytorch:2.4.0-cuda12.4-cudnn9-runtime\n"
        "RUN pip install runpod==1.12.0\nCOPY handler.py .\n"
        'CMD ["python", "/workspace/handler.py"]\n',
    ),
    works(
        "workdir_unknown",
        "a WORKDIR out of the base image's environment",
        "FROM runpod/base:0.6.2-cuda12.2.0\nRUN pip install runpod==1.12.0\n"
        "WORKDIR $WORKER_HOME\nCOPY handler.py .\n"
        'CMD ["python", "/home/worker/handler.py"]\n',
    ),
    works(
        "scratch",
        "an image out of nothing but a stage",
        f"FROM python:3.11-slim AS full\n{PIP}FROM scratch\nCOPY --from=full / /\nCOPY handler.py /app/\n{START}",
    ),
    works(
        "lower_case_name",
        "a Dockerfile that is named in lower case",
        "",
        **{"Dockerfile": None, "dockerfile": f"{APP}COPY handler.py .\n{START}"},
    ),
)

COMMANDS = (
    works(
        "start_of_the_base",
        "CMD is a script of the base image",
        "FROM runpod/pytorch:2.4.0-py3.11-cuda12.4.1-devel-ubuntu22.04\n"
        'RUN pip install runpod==1.12.0\nCOPY handler.py /\nCMD ["/start.sh"]\n',
    ),
    works(
        "entrypoint_of_the_base",
        "ENTRYPOINT is a script of the base image",
        "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\n"
        "RUN apt-get update && apt-get install -y python3-pip && pip3 install runpod==1.12.0\n"
        'COPY handler.py /\nENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh"]\nCMD ["python3", "-u", "/handler.py"]\n',
    ),
    works(
        "unknown_variable",
        "CMD with a variable of the base image",
        "FROM runpod/base:0.6.2-cuda12.2.0\nRUN pip install runpod==1.12.0\n"
        "COPY handler.py /src/\nCMD python -u ${WORKER_SRC}/handler.py\n",
    ),
    works(
        "variable_of_the_script",
        "a script that reckons its own folder",
        f'{APP}COPY start.sh handler.py ./\nCMD ["./start.sh"]\n',
        **{
            "start.sh": '#!/bin/bash\nHERE="$(cd "$(dirname "$0")" && pwd)"\nexec python -u "${HERE}/handler.py" "$@"\n'
        },
    ),
    works(
        "guarded_in_the_command",
        "a hook of the volume that is run only if it is there",
        f"{APP}COPY handler.py ./\n"
        'CMD ["bash", "-c", "if [ -f /runpod-volume/setup.sh ]; then bash /runpod-volume/setup.sh; fi;'
        ' python -u handler.py"]\n',
    ),
    works(
        "volume_or_image",
        "a script that prefers what a volume holds",
        f'{APP}COPY start.sh handler.py ./\nCMD ["bash", "start.sh"]\n',
        **{
            "start.sh": "if [ ! -f /runpod-volume/handler.py ]; then\n  python -u /app/handler.py\n"
            "else\n  python -u /runpod-volume/handler.py\nfi\n"
        },
    ),
    works(
        "script_that_copies",
        "a script that puts its handler in place first",
        f'{APP}COPY start.sh ./\nCOPY handler.py /defaults/\nCMD ["bash", "start.sh"]\n',
        **{"start.sh": "cp -r /defaults/. /runtime/\ncd /runtime\npython -u /runtime/handler.py\n"},
    ),
    refused(
        "script_starts_nothing",
        "command_target_missing",
        "a script that starts what isn't copied in",
        f'{APP}COPY start.sh handler.py ./\nCMD ["bash", "/app/start.sh"]\n',
        **{"start.sh": "#!/bin/bash\nset -e\necho starting\npython -u /app/worker.py\n"},
    ),
    refused(
        "script_is_missing",
        "command_target_missing",
        "a start script that isn't copied in",
        f'{APP}COPY handler.py ./\nCMD ["/start.sh"]\n',
    ),
    works(
        "server_beside",
        "a server in the background and the handler behind it",
        f'{APP}COPY start.sh handler.py server.py ./\nCMD ["/app/start.sh"]\n',
        **{
            "start.sh": "#!/usr/bin/env bash\npython server.py --port 1 &\n"
            "until curl -s localhost; do sleep 1; done\nexec python3 -u handler.py\n",
            "server.py": "x = 1\n",
        },
    ),
    works(
        "tini",
        "an init in front",
        f"{APP}RUN apt-get update && apt-get install -y tini\nCOPY handler.py .\n"
        f'ENTRYPOINT ["/usr/bin/tini", "-s", "--"]\n{START}',
    ),
    works(
        "entrypoint_with_arguments",
        "ENTRYPOINT is the program, CMD its arguments",
        f'{APP}COPY handler.py .\nENTRYPOINT ["python", "-u"]\nCMD ["handler.py", "--rp_log_level", "DEBUG"]\n',
    ),
    works(
        "shell_entrypoint",
        "an ENTRYPOINT in shell form ignores CMD",
        f'{APP}COPY handler.py .\nENTRYPOINT exec python handler.py\nCMD ["gone.py"]\n',
    ),
    works(
        "entrypoint_forgets",
        "ENTRYPOINT forgets a CMD from below",
        f'FROM python:3.11-slim AS base\nCMD ["gone.py"]\nFROM base\n{PIP}WORKDIR /app\n'
        'COPY handler.py .\nENTRYPOINT ["python", "handler.py"]\n',
    ),
    works(
        "module",
        "python -m of a package",
        f'{APP}COPY . .\nCMD ["python", "-m", "worker.handler"]\n',
        **{"worker/__init__.py": "", "worker/handler.py": HEALTHY, "handler.py": None},
    ),
    works(
        "wrapped_in_bash",
        "bash -c with several commands",
        f'{APP}COPY src /app/src\nCMD ["bash", "-lc", "cd src && export A=1; exec python -u handler.py"]\n',
        **{"src/handler.py": HEALTHY, "handler.py": None},
    ),
    works(
        "numactl",
        "a program in front that runs the rest",
        f"{APP}COPY handler.py .\nCMD nice -n 5 python -u handler.py\n",
    ),
    works(
        "installed_program",
        "a script that a package brings",
        f'{APP}COPY handler.py .\nCMD ["python", "/usr/local/lib/python3.11/site-packages/worker_pkg/main.py"]\n',
    ),
    works(
        "bake_context",
        "a base that docker-bake fills in",
        f"ARG BASE_IMAGE\nFROM ${{BASE_IMAGE}}\n{PIP}WORKDIR /app\nCOPY handler.py .\n{START}",
        **{
            "docker-bake.json": json.dumps(
                {
                    "group": {"default": {"targets": ["a"]}},
                    "target": {"a": {"args": {"BASE_IMAGE": "python:3.11-slim"}}},
                }
            )
        },
    ),
)

IMAGES = (*PLACES, *COMMANDS)
