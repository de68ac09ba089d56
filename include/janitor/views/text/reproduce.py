"""What a person types to see a failure again. Whatever comes from a repository is quoted for the shell."""

from __future__ import annotations

import json
import re
import shlex

from janitor.domain.evidence.cause import BrokenRepository, Image
from janitor.protocol.terms.statuses import Engine
from janitor.protocol.text.plain_text import one_line
from janitor.settings import DEFAULT_ENVIRONMENT
from janitor.views.text.commands import make_command

_REFERENCE = re.compile(r"[A-Za-z0-9][\w./:@-]{0,400}")
"""What an image may be called; an argument that wasn't filled in is none."""
_CONFIG = "janitor-reproduce.yaml"
_PROMPT = "validate the repo and see if its still working"
_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def reproduce_lines(one: BrokenRepository, environment: str) -> list[str]:
    """A block for Janitor's folder: the commit, its static checks, what was built and run of it, an instance of it.

    Args:
        one: What broke.
        environment: Whose `make` is meant.
    """
    name = one_line(one.repository_name)
    folder = shlex.quote(f"./{name}")
    lines = [f"git clone -- {shlex.quote(one_line(one.url))} {folder}"]
    if one.commit_sha is not None and _SHA.fullmatch(one.commit_sha):
        lines.append(f"git -C {folder} checkout {one.commit_sha}")
    lines.append(f"janitor validate {folder}")
    lines += _docker_lines(one, folder) if one.engine is Engine.DOCKER else _local_lines(one)
    repository = shlex.quote(f"REPO={one_line(one.repository)}")
    return [
        *lines,
        "# its instance, while a run validates it:",
        make_command(f"keep {repository} FOR=30m", environment),
    ]


def _local_lines(one: BrokenRepository) -> list[str]:
    """All of the validation, on the local stack; JSON is YAML."""
    repository = {
        "organization": one_line(one.organization),
        "name": one_line(one.repository_name),
        "url": one_line(one.url),
        "ref": one.commit_sha if one.commit_sha is not None and _SHA.fullmatch(one.commit_sha) else None,
        "prompt": _PROMPT,
        "gpu_required": one.gpu_required,
    }
    config = json.dumps({"repositories": [{key: value for key, value in repository.items() if value is not None}]})
    return [
        f"printf '%s\\n' {shlex.quote(config)} > ./{_CONFIG}",
        make_command(f"run CONFIG=./{_CONFIG}", DEFAULT_ENVIRONMENT),
    ]


def _docker_lines(one: BrokenRepository, folder: str) -> list[str]:
    """A named context takes the place of a base image: so it is the one of that night, whatever the tag says now.

    Source: https://docs.docker.com/reference/cli/docker/buildx/build/#build-context
    """
    tag = "janitor-reproduce"
    pinned = [context for image in one.images if (context := _context(image)) is not None]
    path = one_line(f"./{one.repository_name}/{one.dockerfile}")
    file = [] if one.dockerfile is None else [f"--file {shlex.quote(path)}"]
    build = " ".join(["docker buildx build --load", *pinned, *file, f"--tag {tag}", folder])
    gpus = "--gpus all " if one.gpu_required else ""
    return [build, f"docker run --rm --interactive --tty {gpus}{tag}"]


def _context(image: Image) -> str | None:
    if image.digest is None or not _REFERENCE.fullmatch(image.reference) or "@" in image.reference:
        return None
    name = image.reference
    last = name.rpartition("/")[2]
    bare = name[: len(name) - len(last)] + last.partition(":")[0]
    return f"--build-context {shlex.quote(f'{name}=docker-image://{bare}@{image.digest}')}"
