"""Bringing a stack up: what can happen at the same time does, and what needs another thing waits for it.

    supervisord ─┬─ PostgreSQL ── roles ─┬─ Airflow's schema ─┐
                 │                       └─ our migrations ───┤
                 ├─ local cloud ── bucket, log group ─────────┼─ Airflow's four programs ── all healthy
                 └─ example repositories ─────────────────────┘

The same steps run whether nothing, part or all of it is there already; each does only what is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from janitor.domain.errors import StackError
from janitor.settings import Settings
from janitor.settings.parts.infrastructure import INFRASTRUCTURE_ENV_NAME, Provisioner
from janitor.stack import health
from janitor.stack.airflow.database import migrate_airflow
from janitor.stack.airflow.history import KEPT, PRUNED_DAGS, prune_history
from janitor.stack.components import AIRFLOW, Component, write_configuration
from janitor.stack.environment import airflow_environment, base_environment
from janitor.stack.example_repositories import ensure_example_repositories
from janitor.stack.postgres.server import EmbeddedPostgres
from janitor.stack.state.layout import Layout
from janitor.stack.state.log_retention import remove_old_logs, remove_old_run_logs
from janitor.stack.state.ports import Ports, reserve
from janitor.stack.state.secrets import StackSecrets, ensure_secrets
from janitor.stack.state.stack_env import (
    AIRFLOW_DATABASE,
    AIRFLOW_ROLE,
    current_ports,
    database_url,
    kept_ports,
    web_url,
    write_stack_env,
)
from janitor.stack.state.start_log import keep_failure, with_log
from janitor.stack.stop import stop
from janitor.stack.supervisor.client import ProgramState, Supervisor, launch_supervisord
from janitor.stack.supervisor.processes import end_processes
from janitor.stack.together import GaveUpError, Together
from janitor.stores.migrate import migrate

Progress = Callable[[str], None]

_POLL_SECONDS = 0.2
_WORD_SECONDS = 20.0
"""A start that lasts says what it waits for this often."""
_LOG_TAIL_LINES = 15
_LEFTOVER_GRACE = timedelta(seconds=3)
"""Leftovers of a killed stack have nobody to report to; their data survives SIGKILL."""


def start(settings: Settings, layout: Layout, progress: Progress) -> None:
    """Start what isn't running, and wait until all of it is healthy. The caller holds the stack's lock.

    Raises:
        StackError: a component failed; its last log lines are in the message, and the log `start` has every failure
            whole. What this call started is ended again.
    """
    secrets = ensure_secrets(layout)
    now = datetime.now(timezone.utc)
    remove_old_logs(layout.dag_file_logs, now.date())
    for dag_id in PRUNED_DAGS:
        remove_old_run_logs(layout.task_logs, dag_id, now - KEPT)
    ports = current_ports(layout)
    if ports is not None:
        supervisor = _supervisor(layout, ports, secrets)
        if supervisor.is_alive():
            if supervisor.programs().keys() >= {component.value for component in Component}:
                _Start(settings.reload(), layout, ports, secrets, progress).run()
                return
            progress("the running stack is of another version; it is started anew")
            stop(layout, progress)
    for leftover in end_processes(layout, grace=_LEFTOVER_GRACE):
        progress(f"ended a process that an earlier stack left behind: {leftover.pid} ({leftover.title})")
    if _forget_infrastructure(layout):
        progress(
            "what Terraform made in the local cloud ended with it; the stack uses its own again,"
            " `make infra-apply ENV=local` makes Terraform's anew"
        )
    preferred = Ports(
        web=settings.web_port,
        postgres=settings.postgres_port,
        cloud=settings.cloud_port,
        supervisor=settings.supervisor_port,
    )
    kept = kept_ports(layout)
    with ExitStack() as undo:
        ports = undo.enter_context(reserve(preferred, kept))
        for name, port in ports.as_dict().items():
            wanted = kept.get(name, preferred.as_dict()[name])
            if port != wanted:
                progress(f"port {wanted} is taken; {name} uses {port}")
        write_stack_env(layout, settings, ports, secrets)
        beginning = _Start(settings.reload(), layout, ports, secrets, progress)
        try:
            beginning.launch()
            beginning.run()
        except BaseException:
            try:
                stop(layout, progress)
            except Exception as exc:
                progress(f"what was started can't be ended: {exc}")  # told, and the cause is still raised
            raise


def _supervisor(layout: Layout, ports: Ports, secrets: StackSecrets) -> Supervisor:
    return Supervisor(identifier=layout.stack_id, port=ports.supervisor, password=secrets.supervisor_password)


def _forget_infrastructure(layout: Layout) -> bool:
    """Instances' roles and templates are in the memory of a local cloud: a new one has none of Terraform's."""
    path = layout.state_dir / INFRASTRUCTURE_ENV_NAME
    was_there = path.exists()
    path.unlink(missing_ok=True)
    return was_there


def _starting(unhealthy: Sequence[Component]) -> str:
    """`Airflow is starting: API server, scheduler`, for a wait that lasts."""
    if set(unhealthy) <= set(AIRFLOW):
        return f"Airflow is starting, not ready yet: {', '.join(each.value for each in unhealthy)}"
    return f"still starting: {', '.join(each.label for each in unhealthy)}"


@dataclass(frozen=True)
class _Start:
    """One start of one stack."""

    settings: Settings
    layout: Layout
    ports: Ports
    secrets: StackSecrets
    progress: Progress
    together: Together = field(default_factory=Together)

    def launch(self) -> None:
        """Write the configuration and start supervisord, which starts nothing by itself."""
        with self._kept_in_log():
            self._launch()

    def run(self) -> None:
        """Start the programs in their order, and make what they need."""
        with self._kept_in_log():
            self._run()

    @contextmanager
    def _kept_in_log(self) -> Iterator[None]:
        """A failure is kept whole in a log that its message names."""
        try:
            yield
        except Exception as exc:
            log = self.layout.log_of("start")
            causes = [exc, *(other for other in self.together.causes if other is not exc)]
            if keep_failure(log, causes):
                raise with_log(exc, log) from exc
            raise

    def _launch(self) -> None:
        write_configuration(self.settings, self.layout, self.ports, self.secrets, EmbeddedPostgres(self.layout))
        launch_supervisord(
            self.layout.supervisor / "supervisord.conf",
            base_environment(self.settings, self.layout),
            self.layout.log_of("supervisord-start"),
        )

    def _run(self) -> None:
        deadline = time.monotonic() + self.settings.start_timeout.total_seconds()
        self.together.run((lambda: self._database(deadline), lambda: self._cloud(deadline), self._examples))
        supervisor = _supervisor(self.layout, self.ports, self.secrets)
        for component in AIRFLOW:
            supervisor.start(component.value)
        self._await_healthy(AIRFLOW, deadline)
        self.progress(f"Airflow is ready: {web_url(self.ports)}")

    def _database(self, deadline: float) -> None:
        postgres = EmbeddedPostgres(self.layout)
        supervisor = _supervisor(self.layout, self.ports, self.secrets)
        if not supervisor.programs()[Component.POSTGRES.value].state.is_alive:
            postgres.prepare(self.ports)
            supervisor.start(Component.POSTGRES.value)
        self._await_healthy((Component.POSTGRES,), deadline)
        postgres.ensure_databases(self.ports, self.secrets)
        self.progress(f"PostgreSQL is ready on port {self.ports.postgres}")
        self.together.run((self._prepare_airflow, self._migrate_janitor))

    def _prepare_airflow(self) -> None:
        url = database_url(AIRFLOW_ROLE, self.secrets.postgres_airflow, AIRFLOW_DATABASE, self.ports)
        environment = base_environment(self.settings, self.layout) | airflow_environment(
            self.settings, self.layout, self.ports, self.secrets
        )
        if migrate_airflow(self.layout, url, environment):
            self.progress("Airflow's database is migrated")
        try:
            if pruned := prune_history(self.layout, url, environment, datetime.now(timezone.utc)):
                self.progress(f"{pruned} old runs of {', '.join(PRUNED_DAGS)} are removed from Airflow's history")
        except StackError as exc:
            # A long history costs space and time, nothing else.
            self.progress(f"old runs of {', '.join(PRUNED_DAGS)} stay in Airflow's history: {exc}")

    def _migrate_janitor(self) -> None:
        if names := migrate(self.settings.owner_url):
            self.progress(f"Janitor's database is migrated: {', '.join(names)}")

    def _cloud(self, deadline: float) -> None:
        # Here, because boto3 takes long to import: now it does so while other things start.
        from janitor.stack.provision.foundation import ensure_foundation  # noqa: PLC0415  # loaded where it is needed alone
        from janitor.stack.provision.killers import ensure_killers  # noqa: PLC0415  # loaded where it is needed alone

        _supervisor(self.layout, self.ports, self.secrets).start(Component.CLOUD.value)
        self._await_healthy((Component.CLOUD,), deadline)
        if self.settings.provisioned_by is Provisioner.OWN:
            ensure_foundation(self.settings)
            ensure_killers(self.settings)
        self.progress(f"local cloud is ready on port {self.ports.cloud}")

    def _examples(self) -> None:
        made = ensure_example_repositories(
            self.settings.examples_folder, self.layout.repositories, self.settings.inherited
        )
        if made:
            self.progress(f"{len(made)} example repositories are in {self.layout.repositories}")

    def _await_healthy(self, components: tuple[Component, ...], deadline: float) -> None:
        supervisor = _supervisor(self.layout, self.ports, self.secrets)
        next_word = time.monotonic() + _WORD_SECONDS
        while True:
            programs = supervisor.programs()
            found = health.problems(self.ports, self.secrets, programs, only=components)
            for component in components:
                if programs[component.value].state is ProgramState.FATAL:
                    raise self._failure(component, "can't be started")
            unhealthy = [component for component in components if found[component]]
            if not unhealthy:
                return
            if time.monotonic() >= deadline:
                worst = unhealthy[0]
                seconds = self.settings.start_timeout.total_seconds()
                raise self._failure(worst, f"isn't healthy after {seconds:.0f} s: {found[worst]}")
            if time.monotonic() >= next_word:
                next_word += _WORD_SECONDS
                self.progress(_starting(unhealthy))
            if self.together.abandoned.wait(_POLL_SECONDS):
                raise GaveUpError(f"gave up waiting for {unhealthy[0].label}, because something else failed")

    def _failure(self, component: Component, problem: str) -> StackError:
        log = self.layout.log_of(component.value)
        try:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
        except OSError:
            tail = "(no log)"
        return StackError(
            f"{component.label} {problem}. Its last lines ({log}):\n{tail}\n"
            "Run `make doctor` to see what this machine lacks, then `make up` again"
        )
