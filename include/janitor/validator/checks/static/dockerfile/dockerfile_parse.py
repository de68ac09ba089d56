"""`dockerfile_parse`: the Dockerfile can be built from what the repository holds, and starts what it copies in.

Fails only for what `docker build` or the container's start would surely trip over; the rest is noted.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from janitor.guest.redaction import looks_secret
from janitor.inspection.dockerfile.base_images import brings, is_bare
from janitor.inspection.dockerfile.command import Command, makes_files, stage_command
from janitor.inspection.dockerfile.image_files import (
    ImageFiles,
    StageFiles,
    copies_from_elsewhere,
    inline_files,
    stage_files,
)
from janitor.inspection.dockerfile.lexer import DockerfileSyntaxError, lex
from janitor.inspection.dockerfile.sources import BuildContext, missing_sources, read_context
from janitor.inspection.dockerfile.stages import Dockerfile, Run, env_pairs, floating_tag, parse_dockerfile
from janitor.inspection.dockerfile.usage import used_stages
from janitor.inspection.image.final_files import files_of_final_image, text_at
from janitor.inspection.location import Location
from janitor.inspection.provision.program import started_program
from janitor.inspection.provision.walk import read_provision
from janitor.inspection.tree import RepositoryTree, UnreadableError
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.checks.static.dockerfile.pip_redirections import LostVersion, lost_versions
from janitor.validator.checks.static.dockerfile.start_of_image import CODES, source_reader, start_fault
from janitor.validator.context import CheckContext
from janitor.validator.facts import ImageFacts, RepositoryFacts
from janitor.validator.findings import EvidenceMaker, Finding, Produced, failed, passed, skipped

_BAKE_FILES = ("docker-bake.hcl", "docker-bake.json", "docker-compose.yml", "docker-compose.yaml", "compose.yaml")
_MOST_BYTES = 256 * 1024
"""Of a Dockerfile; a handler that takes more has it in files."""
_LONGEST_NAME = 200
_SHOWN = 10
_KEY_FORM = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bAKIA[0-9A-Z]{12,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{16,}|\brpa_[A-Za-z0-9]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_PLACE = re.compile(r"(?i)(?:path|file|dir|folder)$")
_PLACEHOLDER = re.compile(r"(?i)^$|^\$|your|change|example|placeholder|xxx|none|null|dummy|<[^<>\n]*>|^\*+$")


def check_dockerfile_parse(context: CheckContext, repository: RepositoryFacts) -> Finding | Produced[ImageFacts]:
    """Parse the Dockerfile and compare it with the repository."""
    tree, layout = repository.tree, repository.layout
    wanted = context.spec.repository.dockerfile
    if layout.dockerfile is None and layout.other_dockerfiles:
        listed = ", ".join(str(path) for path in layout.other_dockerfiles[:_SHOWN])
        where = "there is no Dockerfile at the root or in .runpod/"
        reason = f"{where}; name one, as `dockerfile` in the workers config or by --dockerfile: {listed}"
        return skipped(ReasonCode.DOCKERFILE_NOT_NAMED, reason, required=True)
    if layout.dockerfile is None:
        return failed(ReasonCode.DOCKERFILE_MISSING, f"the repository has no {wanted or 'Dockerfile'}")
    name = str(layout.dockerfile)
    try:
        text = tree.read_text(layout.dockerfile, most=_MOST_BYTES)
        dockerfile = parse_dockerfile(text, build_args=context.spec.repository.build_args)
        build_context = read_context(tree, layout.dockerfile)
    except UnreadableError as exc:
        return failed(ReasonCode.DOCKERFILE_UNREADABLE, str(exc))
    except DockerfileSyntaxError as exc:
        location = Location(path=name, line=exc.line, message=str(exc))
        shown = context.evidence.file("Dockerfile", text.encode())
        return failed(ReasonCode.DOCKERFILE_SYNTAX, f"{name}: {exc}", shown, locations=[location])
    image = _image(layout.dockerfile, dockerfile, build_context, tree)
    return Produced(_judged(image, tree, context.evidence), image)


def _image(
    path: PurePosixPath, dockerfile: Dockerfile, build_context: BuildContext, tree: RepositoryTree
) -> ImageFacts:
    """All that the Dockerfile and the repository say of the image."""
    stages = stage_files(dockerfile, build_context)
    final = stages[dockerfile.final.index].files
    read = source_reader(tree)
    places = files_of_final_image(dockerfile, build_context, read)
    command = _command(dockerfile, stages, lambda path: text_at(places, path, read), tree)
    provision = read_provision(
        dockerfile,
        stages,
        is_sure=build_context.is_sure,
        read=lambda path, files: _text(files.get(path), tree),
    )
    program = started_program(
        provision,
        dockerfile.final,
        command,
        read=lambda path: text_at(places, path, read),
        holds=lambda path: path in final or places.at(path).file is not None,
    )
    return ImageFacts(
        path=path,
        dockerfile=dockerfile,
        context=build_context,
        stage_files=stages,
        command=command,
        places=places,
        provision=provision,
        program=program,
    )


def _text(source: PurePosixPath | None, tree: RepositoryTree) -> str | None:
    """The text of a file of the repository; None where there is none."""
    try:
        return None if source is None else tree.read_text(source)
    except UnreadableError:
        return None


def _judged(image: ImageFacts, tree: RepositoryTree, make: EvidenceMaker) -> Finding:
    name, dockerfile = str(image.path), image.dockerfile
    lost = lost_versions(dockerfile)
    noted = [*_warnings(dockerfile), *((each.line, each.text) for each in lost if not each.stops)]
    warnings = [Location(path=name, line=line, message=text, is_warning=True) for line, text in noted]
    evidence = [
        make.file(name, dockerfile.text.encode()),
        make.value("reading", "\n".join(_reading(dockerfile, image.command))),
    ]
    if warnings:
        evidence.append(make.value("warnings", "\n".join(each.message for each in warnings)))
    fault = (
        _blank_base(dockerfile, tree)
        or _missing_sources(dockerfile, image.context, tree)
        or _stopped_by_shell(lost)
        or _start_fault(image, tree)
        or (_missing_target(dockerfile, image.command, image.files, tree) if image.context.is_sure else None)
        or _missing_interpreter(image)
    )
    if fault is None:
        return passed(*evidence, locations=warnings)
    locations = [Location(path=name, line=line, message=message) for line, message in fault.places]
    return failed(fault.code, fault.reason, *evidence, locations=[*locations, *fault.beside, *warnings])


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """What `docker build` or the container's start would surely trip over."""

    code: ReasonCode
    reason: str
    places: Sequence[tuple[int | None, str]]
    """(line, what is wrong there)."""
    beside: Sequence[Location] = ()
    """Places in other files."""


def _command(
    dockerfile: Dockerfile,
    stages: Mapping[int, StageFiles],
    held: Callable[[str], str | None],
    tree: RepositoryTree,
) -> Command:
    """What the container starts, read through the scripts that the image holds."""
    inline, files = inline_files(dockerfile.final), stages[dockerfile.final.index].files

    def read(path: str) -> str | None:
        if (text := held(path)) is not None:
            return text
        try:
            return tree.read_text(files[path]) if path in files else inline.get(path)
        except UnreadableError:
            return None

    return stage_command(dockerfile.final, read=read)


def _reading(dockerfile: Dockerfile, command: Command) -> list[str]:
    lines = [
        f"stage {stage.name or stage.index}: FROM {stage.base}" + (f" on {stage.platform}" if stage.platform else "")
        for stage in dockerfile.stages
    ]
    target = command.target
    lines.append(f"starts: {' '.join(command.words) or 'what the base image says'}")
    lines.append(f"Python program: {(target.script or target.module) if target else 'not found'}")
    return lines


def _blank_base(dockerfile: Dockerfile, tree: RepositoryTree) -> _Fault | None:
    if any(tree.is_file(bake) for bake in _BAKE_FILES):
        return None  # which may say what the Dockerfile leaves open
    for stage in used_stages(dockerfile):
        if not stage.base or (stage.base_unknown and not re.match(r"[a-z0-9]", stage.base)):
            names = ", ".join(stage.base_unknown) or "it"
            text = f"FROM has no image: {names} has no value"
            return _Fault(
                code=ReasonCode.BASE_UNRESOLVED, reason=f"line {stage.line}: {text}", places=[(stage.line, text)]
            )
    return None


def _missing_sources(dockerfile: Dockerfile, context: BuildContext, tree: RepositoryTree) -> _Fault | None:
    missing = [
        (each.line, each.source + (" (kept out by .dockerignore)" if each.ignored else ""))
        for each in missing_sources(dockerfile, context, tree)
    ]
    if not missing:
        return None
    listed = "; ".join(f"line {line}: {text}" for line, text in missing)
    return _Fault(
        code=ReasonCode.COPY_SOURCE_MISSING,
        reason=f"COPY or ADD of what the build context doesn't hold: {listed}",
        places=[(line, f"the build context doesn't hold {text}") for line, text in missing],
    )


def _stopped_by_shell(lost: Sequence[LostVersion]) -> _Fault | None:
    stops = [(each.line, each.text) for each in lost if each.stops]
    reason = "; ".join(f"line {line}: {text}" for line, text in stops)
    return _Fault(code=ReasonCode.SHELL_REDIRECTION, reason=reason, places=stops) if stops else None


def _warnings(dockerfile: Dockerfile) -> list[tuple[int, str]]:
    """What works today and will hurt: each with its line. A secret is named, never shown."""
    found = []
    for stage in dockerfile.stages:
        if stage.parent is None and stage.base != "scratch" and (why := floating_tag(stage.base)):
            found.append((stage.line, f"floating base: {stage.base} ({why}) means another image from day to day"))
    for instruction in lex(dockerfile.text).instructions:
        if instruction.keyword == "ARG":
            for word in instruction.words():
                name, has_value, value = word.partition("=")
                if not looks_secret(name[:_LONGEST_NAME]):
                    continue
                if has_value and not _is_no_secret(name, value):
                    found.append((instruction.line, f"secret in the image: {name} has a value in the Dockerfile"))
                else:
                    text = f"secret as build argument: {name} stays in the image's history; use a build secret"
                    found.append((instruction.line, text))
        elif instruction.keyword == "ENV":
            found += [
                (instruction.line, f"secret in the image: {name} has a value in the Dockerfile")
                for name, value in env_pairs(instruction.value)
                if looks_secret(name[:_LONGEST_NAME]) and not _is_no_secret(name, value)
            ]
        if _KEY_FORM.search(instruction.value):
            found.append((instruction.line, f"secret in the image: {instruction.keyword} holds what looks like a key"))
    return list(dict.fromkeys(found))


def _is_no_secret(name: str, value: str) -> bool:
    """Whether a value only stands for a secret, or says where it lies."""
    bare = value.strip("\"'")
    return _PLACEHOLDER.search(bare) is not None or (
        _PLACE.search(name) is not None and bare.startswith(("/", "~", "."))
    )


def _start_fault(image: ImageFacts, tree: RepositoryTree) -> _Fault | None:
    found = start_fault(image, tree)
    if found is None:
        return None
    where = f"line {found.line}: " if found.line is not None else ""
    beside = () if found.source is None else (Location(path=found.source, line=1, message=found.text),)
    return _Fault(
        code=CODES[found.kind], reason=f"{where}{found.text}", places=[(found.line, found.text)], beside=beside
    )


def _missing_target(dockerfile: Dockerfile, command: Command, files: ImageFiles, tree: RepositoryTree) -> _Fault | None:
    target = _missing_program(dockerfile, command, files, tree)
    if target is None:
        return None
    stated = dockerfile.final.command or dockerfile.final.entrypoint
    message = f"the container starts {target}, which is not copied in"
    return _Fault(
        code=ReasonCode.COMMAND_TARGET_MISSING, reason=message, places=[(stated.line if stated else None, message)]
    )


def _missing_interpreter(image: ImageFacts) -> _Fault | None:
    program, dockerfile = image.program, image.dockerfile
    if program is None or not program.is_missing:
        return None
    stated = dockerfile.final.command or dockerfile.final.entrypoint
    base = dockerfile.final.base_image
    message = f"the container starts {program.word}, which neither {base} nor a command of the build brings"
    return _Fault(
        code=ReasonCode.INTERPRETER_MISSING, reason=message, places=[(stated.line if stated else None, message)]
    )


def _missing_program(dockerfile: Dockerfile, command: Command, files: ImageFiles, tree: RepositoryTree) -> str | None:
    """A program that the container starts and that surely isn't in the image."""
    final = dockerfile.final
    if not is_bare(final.base_image) or copies_from_elsewhere(dockerfile) or not final.is_workdir_known:
        return None
    runs = [step.command for stage in used_stages(dockerfile) for step in stage.steps if isinstance(step, Run)]
    inline = inline_files(dockerfile.final)
    script = command.target.script if command.target and command.is_sure else None
    for path in filter(None, (command.first_file, script)):
        name = posixpath.basename(path)
        if path in files or path in inline:
            continue
        # Without a shell a variable is a file's name.
        is_literal = command.is_direct and re.search(r"/\$\w+$|/\$\{\w+\}$", path) is not None
        if not is_literal and (not name.endswith((".py", ".sh")) or "$" in path):
            continue
        if brings(final.base_image, path) or final.is_mounted(path):
            continue
        # What lies behind a symlink to a folder is not among the files.
        if any(str(above) in files and tree.is_folder(files[str(above)]) for above in PurePosixPath(path).parents):
            continue
        # A file that was copied to where a command may have made a folder.
        if (folder := files.get(posixpath.dirname(path))) is not None and folder.name == name:
            continue
        if not any(name in run or makes_files(run) for run in runs):
            return path
    return None
