"""Builds the image with BuildKit and says what a failed build shows.

The client runs here and reads the repository, so nothing that it is pointed at may lie outside the checkout.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from janitor.diagnosis.build_failure import client_trouble, named_files, one_line_each, step_trouble
from janitor.diagnosis.build_log import FailedStep, cache_use, failing_step, images_taken, running_step
from janitor.diagnosis.podman_log import as_buildkit, builder_lacks
from janitor.diagnosis.rules.rule import Trouble
from janitor.guest.processes.memory import kills_for_memory
from janitor.guest.processes.supervisor import Outcome
from janitor.inspection.dockerfile.lexer import lex
from janitor.inspection.install.bake import BAKE_FILES, BakeError, BakeTarget, read_bake
from janitor.inspection.tree import UnreadableError
from janitor.protocol.report import Evidence
from janitor.protocol.terms.provenance import Provenance
from janitor.protocol.terms.reason_codes import ReasonCode
from janitor.validator.context import CheckContext, ReportHead
from janitor.validator.docker.client import DockerClient
from janitor.validator.docker.flavour import PODMAN_WITH_HEREDOCS, Flavour, searching_docker_hub
from janitor.validator.engine import BuildTime
from janitor.validator.facts import WorkerFacts
from janitor.validator.findings import Finding, Produced, errored, failed, passed
from janitor.validator.network.package_index import index_trouble, is_ambiguous
from janitor.validator.package_cache import repository_key
from janitor.validator.provenance.base_images import base_images

_BAKE_BYTES = 64 * 1024
_SECRET_MOUNT = re.compile(r"--mount=(?=\S{0,300}\btype=secret\b)\S{0,300}\bid=([\w.-]+)")


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """What `docker build` is told."""

    context: PurePosixPath
    """From the checkout, as are the next."""
    dockerfile: PurePosixPath
    stage: str | None = None
    args: Mapping[str, str] = field(default_factory=dict)
    target: str | None = None
    """The bake target that says so."""


def build_image(
    context: CheckContext, facts: WorkerFacts, docker: DockerClient, *, tag: str, label: str
) -> Finding | Produced[BuildTime]:
    """Run `docker build` on the repository.

    Args:
        context: Of this validation.
        facts: The worker.
        docker: Reaches the engine.
        tag: The image's name.
        label: `name=value` that the image carries.

    Raises:
        EngineError: docker can't be started.
    """
    try:
        recipe = _recipe(context, facts)
    except (BakeError, UnreadableError) as exc:
        return errored(ReasonCode.BAKE_UNCLEAR, f"the bake file doesn't say how the image is built: {exc}")
    if docker.flavour is Flavour.PODMAN and (lacked := _lacked(facts, docker)):
        return errored(ReasonCode.ENGINE_LIMIT, lacked)
    command = _command(context, facts, recipe, flavour=docker.flavour, tag=tag, label=label)
    killed_before = kills_for_memory()
    outcome = _run(context, docker, command)
    said = _log_of(docker, outcome)
    if outcome.exit_code and _is_worth_another(facts, said):
        # What came so far is in the cache: only the step that failed runs again.
        context.journal.say("the build failed for what an index's short trouble can be; once more")
        outcome = _run(context, docker, command)
        said = _log_of(docker, outcome)
    images = images_taken(said)
    resolved = base_images(facts.image.dockerfile, taken=images, registry={}, tell=context.evidence.tell)
    context.tell(ReportHead(provenance=Provenance(base_images=resolved)))
    use = cache_use(said)
    evidence = [
        context.evidence.log("docker build", outcome),
        context.evidence.value("cache", f"{use.state.value}: {use.cached} of {use.steps} steps came from the cache"),
    ]
    if recipe.target is not None:
        evidence.append(context.evidence.value("bake target", recipe.target))
    measured = {"cache": use.state.value, "steps": use.steps, "cached_steps": use.cached}
    if outcome.exit_code == 0:
        taken = BuildTime(cache=use.state.value, seconds=outcome.seconds)
        return Produced(passed(*evidence, outcome=outcome).measured(**measured), taken)
    killed_now = kills_for_memory() if docker.is_local() else None
    killed = None if killed_now is None or killed_before is None else killed_now > killed_before
    return _why(context, facts, docker, outcome, evidence, log=said, killed=killed).measured(**measured)


def _command(
    context: CheckContext, facts: WorkerFacts, recipe: _Recipe, *, flavour: Flavour, tag: str, label: str
) -> list[str]:
    arguments = context.spec.repository.build_args
    checkout = context.workspace.checkout
    return [
        *("build", "--progress", "plain", *flavour.build_options, "--tag", tag, "--label", label),
        # An argument without a value is taken from the client's environment, so that it stays out of our argv.
        *(part for name in arguments for part in ("--build-arg", name)),
        # The repository's own never get there: PATH or LD_PRELOAD would be obeyed by the client itself.
        *(
            part
            for name, value in recipe.args.items()
            if name not in arguments
            for part in ("--build-arg", f"{name}={value}")
        ),
        *_own_cache_mounts(context, flavour),
        *_secrets(context, facts.image.dockerfile.text),
        *(("--target", recipe.stage) if recipe.stage else ()),
        *("--file", str(checkout / recipe.dockerfile), str(checkout / recipe.context)),
    ]


def _own_cache_mounts(context: CheckContext, flavour: Flavour) -> list[str]:
    """On a machine that others use, too, the mounts of RUN are this repository's alone: their names are anybody's.

    Source: BuildKit's Dockerfile frontend, "Built-in build args".
    """
    machine = context.spec.machine
    if machine is None or not machine.is_shared or flavour is not Flavour.DOCKER:
        return []
    return ["--build-arg", f"BUILDKIT_CACHE_MOUNT_NS={repository_key(context.spec)}"]


def _run(context: CheckContext, docker: DockerClient, command: Sequence[str]) -> Outcome:
    return docker.run(
        command,
        limit=context.settings.build_limit,
        sink=context.journal.streamer(),
        variables={**context.spec.repository.build_args, "DOCKER_BUILDKIT": "1", **_registries(context, docker)},
    )


def _registries(context: CheckContext, docker: DockerClient) -> dict[str, str]:
    """Lets podman take `org/image` for Docker Hub's, as everybody means it, where the machine says nothing of it."""
    if docker.flavour is Flavour.DOCKER or "CONTAINERS_REGISTRIES_CONF" in context.settings.docker:
        return {}
    if docker.info().get("SearchedRegistries"):
        return {}
    file = context.workspace.own / "registries.conf"
    file.write_text(searching_docker_hub(context.settings))
    return {"CONTAINERS_REGISTRIES_CONF": str(file)}


def _log_of(docker: DockerClient, outcome: Outcome) -> str:
    """The build's log in BuildKit's form, whoever has built."""
    log = one_line_each(outcome.output.text)
    return log if docker.flavour is Flavour.DOCKER else as_buildkit(log)


def _lacked(facts: WorkerFacts, docker: DockerClient) -> str | None:
    """What podman's builder would read wrongly; what it refuses by itself it says."""
    if not any(each.heredocs for each in lex(facts.image.dockerfile.text).instructions):
        return None
    version = docker.version
    if version >= PODMAN_WITH_HEREDOCS:
        return None
    return f"podman {version[0]}.{version[1]} can't build a Dockerfile with heredocs; 4.8 can"


def _is_worth_another(facts: WorkerFacts, log: str) -> bool:
    """Whether pip found no version of a package, which an index that is in trouble makes it say too."""
    step = failing_step(log)
    if step is None or step.exit_code is None or not is_ambiguous(step.output):
        return False
    words = "\n".join([step.output, *(text for _, text in named_files(facts, step.output))])
    return "--no-index" not in words and "PIP_NO_INDEX" not in facts.image.dockerfile.text


def _why(
    context: CheckContext,
    facts: WorkerFacts,
    docker: DockerClient,
    outcome: Outcome,
    evidence: list[Evidence],
    *,
    log: str,
    killed: bool | None,
) -> Finding:
    """Whose fault a failed build is; `log` is in BuildKit's form."""
    if outcome.exit_code is None:
        minutes = context.settings.build_limit.total_seconds() / 60
        reason = f"the build took longer than {minutes:.3g} min; it was in {running_step(log) or 'no step'}"
        return errored(ReasonCode.BUILD_TIMEOUT, reason, *evidence, outcome=outcome)
    if not docker.answers():
        reason = "the container engine answers no more; it ended while it built the image"
        return errored(ReasonCode.ENGINE_TROUBLE, reason, *evidence, outcome=outcome)
    if docker.flavour is Flavour.PODMAN and (lacked := builder_lacks(one_line_each(outcome.output.text))):
        return errored(ReasonCode.ENGINE_LIMIT, f"podman's builder lacks it: {lacked}", *evidence, outcome=outcome)
    step = failing_step(log)
    trouble = _trouble(context, facts, log, step, outcome, killed=killed)
    where = f"in step {step.name}: " if step else ""
    if trouble is not None:
        conclude = failed if trouble.repository_at_fault else errored
        return conclude(trouble.code, where + trouble.reason, *evidence, outcome=outcome)
    if step is not None:
        return failed(ReasonCode.BUILD_STEP_FAILED, f"{where}{step.error}", *evidence, outcome=outcome)
    last = " ".join(log.split())[-300:]
    return errored(ReasonCode.BUILD_UNCLEAR, f"docker build failed: {last}", *evidence, outcome=outcome)


def _trouble(
    context: CheckContext,
    facts: WorkerFacts,
    log: str,
    step: FailedStep | None,
    outcome: Outcome,
    *,
    killed: bool | None,
) -> Trouble | None:
    if step is None:
        return client_trouble(log, outcome.exit_code)
    trouble = step_trouble(facts, step, killed=killed)
    if trouble is not None and trouble.code == ReasonCode.DEPENDENCY_NOT_FOUND and _is_worth_another(facts, log):
        return index_trouble(context.settings, step.output) or trouble
    return trouble


def _recipe(context: CheckContext, facts: WorkerFacts) -> _Recipe:
    """The root and its Dockerfile, or what a declared bake target says.

    Raises:
        BakeError: A target is declared, and can't be understood.
        UnreadableError: The bake file can't be read.
    """
    tree, repository = facts.tree, context.spec.repository
    plain = _Recipe(context=PurePosixPath("."), dockerfile=facts.image.path)
    file = next((name for name in BAKE_FILES if tree.is_file(name)), None)
    wanted = repository.bake_target
    needed = any(stage.base_unknown for stage in facts.image.dockerfile.stages)
    if wanted is None and (file is None or not needed):
        return plain
    if file is None:
        raise BakeError(f"the target {wanted!r} is asked for, and the repository has none of {', '.join(BAKE_FILES)}")
    text = tree.read(file, most=_BAKE_BYTES).decode("utf-8", errors="replace")
    target = read_bake(text, name=file, wanted=wanted, variables=repository.build_args)
    folder, dockerfile = _inside(target)
    if repository.dockerfile is not None and PurePosixPath(repository.dockerfile) != dockerfile:
        if wanted is None:
            return plain
        raise BakeError(
            f"the config names {repository.dockerfile}, and the target {target.name!r} is built from {dockerfile}; "
            "name that one, or none"
        )
    if not tree.is_file(dockerfile) or not (folder == PurePosixPath(".") or tree.is_folder(folder)):
        raise BakeError(f"the target {target.name!r} is built from {dockerfile}, which is not there")
    return _Recipe(context=folder, dockerfile=dockerfile, stage=target.stage, args=target.args, target=target.name)


def _inside(target: BakeTarget) -> tuple[PurePosixPath, PurePosixPath]:
    """Context and Dockerfile from the root; a path that leads out is refused."""
    context = PurePosixPath(target.context)
    dockerfile = context / target.dockerfile
    if any(path.is_absolute() or ".." in path.parts or ":" in str(path) for path in (context, dockerfile)):
        raise BakeError(f"the target {target.name!r} is built from {dockerfile}, which is not in the repository")
    return context, dockerfile


def _secrets(context: CheckContext, dockerfile: str) -> list[str]:
    """Options for the build secrets that the Dockerfile mounts and the spec has, each in a private file."""
    given_values = {**context.worker_variables, **context.spec.repository.build_args}
    by_name = {name.lower(): value for name, value in given_values.items()}
    options: list[str] = []
    for number, name in enumerate(dict.fromkeys(_SECRET_MOUNT.findall(dockerfile))):
        if name.lower() in by_name:
            path = context.workspace.own / f"build-secret-{number}"
            path.touch(mode=0o600)
            path.write_text(by_name[name.lower()])
            options += ["--secret", f"id={name},src={path}"]
    return options
