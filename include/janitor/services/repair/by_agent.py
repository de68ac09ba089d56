"""A repair that a model proposes, for what recipes can't: in a sandbox, on a copy without `.git`.

The agent is a process of its own, as in a validation. It brings back files; the change is made of them here, against
the commit's own, and is a proposal like any other: the gate judges it, and experiments prove it. Nothing of what it
brings back is written to the tree or run.
"""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path, PurePosixPath

from janitor.cloud.secret_values import secret_value
from janitor.cloud.session import CloudAccess
from janitor.domain.errors import CloudError, WorkspaceError
from janitor.domain.repair.offering.wording import changes_of_world
from janitor.domain.repair.proposal import Abstained, Failure, Proposal, ProposedBy
from janitor.domain.repair.writing import Edit, diff_of
from janitor.guest.processes.supervisor import ProcessStartError, run
from janitor.guest.regular_file import read_beginning
from janitor.protocol.agent.answers import AgentSpec, Provider
from janitor.protocol.agent.repair import RepairAnswer, RepairDraft, RepairOrder
from janitor.protocol.agent.work import AgentDocumentError
from janitor.protocol.order.patch import LONGEST_PATCH, Patch
from janitor.protocol.text.plain_text import one_line
from janitor.services.workspaces.manager import Workspace
from janitor.settings import Settings

NO_MODEL, NO_SANDBOX = "no model", "no sandbox"
AGENT = (sys.executable, "-I", "-m", "janitor.agent")
"""The agent's program; its packages are the product's own extra."""
_START = timedelta(seconds=20)
"""For the agent's imports and its sandbox, beyond its wall-clock limit."""
_OVERTIME = timedelta(seconds=5)
"""After the agent's deadline it is killed."""
_KEYS = {Provider.ANTHROPIC: "ANTHROPIC_API_KEY", Provider.OPENAI: "OPENAI_API_KEY"}
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "AWS_CA_BUNDLE")
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LARGEST_ANSWER = RepairAnswer.MAX_BYTES
_LINK = b"120000 "
_LONGEST_REASON = 500
_MOST_CHANGES = 100


def propose_by_agent(
    settings: Settings, failure: Failure, workspace: Workspace, *, command: tuple[str, ...] = AGENT
) -> Proposal | Abstained:
    """Ask the configured model for a repair. What was said and run is kept in the run's folder, below `agent`.

    Args:
        settings: Of the environment; names the model and its limits.
        failure: What is to be repaired.
        workspace: A leased tree of its commit, as it was checked out.
        command: The agent's program.

    Returns:
        A proposal that the gate hasn't seen yet, or why there is none: `no model` and `no sandbox` begin two reasons.

    Raises:
        LeaseLostError: The lease is lost.
        WorkspaceError: The run's folder can't be written.
    """
    spec = settings.agent
    if spec is None:
        return _nothing(f"{NO_MODEL}: JANITOR_AGENT_MODEL names none")
    try:
        own, credentials = _let_in(settings, spec)
    except CloudError as exc:
        return _nothing(f"{NO_MODEL}: its key can't be read: {exc}")
    workspace.held.require()
    answer = _asked(settings, failure, workspace, spec=own, credentials=credentials, command=command)
    if isinstance(answer, Abstained):
        return answer
    usage = answer.usage
    cost = Decimal(str(usage.cost_usd)) if usage.cost_usd is not None else None if usage.turns else Decimal(0)
    if answer.draft is None:
        return _nothing(answer.reason or "no reason given", cost=cost)
    return replace(_proposal(answer.draft, workspace, model=answer.model), cost_usd=cost)


def _asked(
    settings: Settings,
    failure: Failure,
    workspace: Workspace,
    *,
    spec: AgentSpec,
    credentials: dict[str, str],
    command: tuple[str, ...],
) -> RepairAnswer | Abstained:
    """What the agent's process answers, or why it answers nothing."""
    run_folder, lease = workspace.run, workspace.held.lease
    folder = run_folder.path / "agent" / lease.name
    try:
        run_folder.make(folder / "home")
    except OSError as exc:
        raise WorkspaceError(f"{folder} can't be made: {exc.strerror}; is the disk full?") from exc
    limit = spec.limits.wall_clock + _START
    repeated = failure.repeated
    order = RepairOrder(
        validation_id=str(repeated.validation_id),
        agent=spec,
        checks=tuple(check.to_dict() for check in repeated.report.checks),
        changes=tuple(changes_of_world(failure))[:_MOST_CHANGES],
        checkout=str(workspace.path),
        deadline=datetime.now(timezone.utc) + limit,
    )
    names = {
        "order": folder / "order.json",
        "answer": folder / "answer.json",
        "transcript": folder / "transcript.jsonl",
    }
    run_folder.write(names["order"], order.to_json().encode())
    for left in ("answer", "transcript"):
        names[left].unlink(missing_ok=True)
    inherited = settings.inherited
    env = {
        "PATH": inherited.get("PATH", _DEFAULT_PATH),
        "LANG": "C.UTF-8",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "home"),
        **{name: inherited[name] for name in (*_PROXIES, *_CERTIFICATES) if name in inherited},
        **credentials,
    }
    words = [f"--{what}={path}" for what, path in names.items()]
    try:
        outcome = run([*command, *words], cwd=folder, env=env, limit=limit + _OVERTIME, confined=False)
    except ProcessStartError as exc:
        return _nothing(f"{NO_MODEL}: the agent can't be started: {exc}")
    # Once something was said, nobody knows what it cost.
    cost = None if names["transcript"].is_file() else Decimal(0)
    content = read_beginning(names["answer"], _LARGEST_ANSWER + 1)
    if content is None:
        how = "was killed at its limit" if outcome.timed_out else f"ended with {outcome.exit_code}"
        return _nothing(f"the agent's process {how}, without an answer: {outcome.output.text[-300:]}", cost=cost)
    try:
        return RepairAnswer.from_json(content)
    except AgentDocumentError as exc:
        return _nothing(f"the agent's answer can't be read: {exc}", cost=cost)


def _let_in(settings: Settings, spec: AgentSpec) -> tuple[AgentSpec, dict[str, str]]:
    """The spec as the agent's process gets it, and its credentials: the key itself, so that it needs none to read it.

    Raises:
        CloudError: The key can't be read.
    """
    if spec.provider is Provider.BEDROCK:
        secret = settings.aws_secret_access_key
        given = {
            "AWS_ACCESS_KEY_ID": settings.aws_access_key_id,
            "AWS_SECRET_ACCESS_KEY": secret.get_secret_value() if secret is not None else None,
        }
        # Without keys: the role of the instance that this is.
        return spec, {name: value for name, value in given.items() if value}
    if spec.key_secret is None:
        return spec, {}
    key = secret_value(CloudAccess.of(settings), spec.key_secret)
    return replace(spec, key_secret=None), {_KEYS[spec.provider]: key}


def _proposal(draft: RepairDraft, workspace: Workspace, *, model: str) -> Proposal | Abstained:
    edits = {}
    for file in draft.files:
        try:
            before = _before(workspace.path, file.path)
            if before is not None and _is_link(workspace, file.path):
                raise ValueError("it is a link in the repository")
            edits[file.path] = Edit(before=before, after=file.content)
        except (OSError, UnicodeDecodeError, ValueError) as exc:
            return Abstained(reason=one_line(f"{file.path} can't be changed: {exc}", limit=_LONGEST_REASON))
    text = diff_of(edits)
    if len(text) not in range(1, LONGEST_PATCH + 1):
        return Abstained(reason="the model's repair changes nothing, or more than anybody reviews")
    return Proposal(
        by=ProposedBy.AGENT,
        name=model,
        patch=Patch.of(text),
        summary=draft.summary,
        root_cause=draft.root_cause,
        evidence=draft.evidence,
    )


def _before(tree: Path, path: str) -> str | None:
    """The commit's own file; None where it has none. The path is a stranger's.

    Raises:
        ValueError: It leads out of the tree, or into git's own.
        OSError: A link is on the way, or it is no file.
        UnicodeDecodeError: It is no text.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or any(part in ("..", ".") or part.casefold() == ".git" for part in parts):
        raise ValueError("it is no path of a file of the repository")
    folder = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            try:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            except FileNotFoundError:
                return None
            os.close(folder)
            folder = inner
        try:
            handle = os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except FileNotFoundError:
            return None
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ValueError("it is no file")
            return file.read().decode("utf-8")
    finally:
        os.close(folder)


def _is_link(workspace: Workspace, path: str) -> bool:
    """Whether the commit has a link there, which lies in the tree as a file that says where to."""
    listed = workspace.tree.git.listed("ls-tree", "-z", workspace.commit, "--", path, cwd=workspace.path)
    return any(each.startswith(_LINK) for each in listed)


def _nothing(reason: str, *, cost: Decimal | None = Decimal(0)) -> Abstained:
    return Abstained(reason=one_line(reason, limit=_LONGEST_REASON), cost_usd=cost)
