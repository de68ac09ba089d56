"""Watching one validation: observe, decide, send the command, keep how it ended.

Every step can be repeated at no cost: a command is found again by its comment, an outcome that was kept stays.
"""

from __future__ import annotations

from datetime import datetime, timezone
from uuid import UUID

from janitor.cloud import commands as ssm
from janitor.cloud import storage
from janitor.cloud.session import CloudAccess
from janitor.domain.config.fields import Market
from janitor.domain.deadlines import FETCH_LIFETIME, address_lifetime, execution_timeout_for
from janitor.domain.errors import ConflictError
from janitor.domain.identity import command_comment_for, notice_key_for, report_key_for, sign_key_for
from janitor.domain.launch.provider import InstanceSeen
from janitor.domain.pool.reuse import WorkerTurn
from janitor.domain.reap.ending import SPOT_TERMINATION
from janitor.domain.states import InstanceState, NoticeKind, RunPurpose
from janitor.domain.watch.watching import (
    CommandObservation,
    Decision,
    Observation,
    Step,
    Watched,
    WatchOutcome,
    decide,
)
from janitor.protocol.terms.proof import new_key
from janitor.services.ledger.reconcile import states_of_missing
from janitor.services.ledger.seen import keep_seen
from janitor.services.provider import provider_of
from janitor.services.watch.artefact import StoredArtefact, artefact_like, ensure_artefact
from janitor.services.watch.build_history import earlier_builds
from janitor.services.watch.conclude import Concluded, conclude_validation
from janitor.services.watch.instance_script import instance_script
from janitor.services.watch.second_chance import SecondChance
from janitor.services.watch.signs import awaited_sign, look_for_life
from janitor.services.watch.spec import spec_for
from janitor.services.watch.spec_object import fetched, put_spec, remove_specs
from janitor.services.watch.worker_turn import worker_turn
from janitor.settings import Settings
from janitor.stores import ledger
from janitor.stores import sequential as turns
from janitor.stores import validations as store
from janitor.stores.database import transaction
from janitor.stores.maintenance import experiments
from janitor.stores.pool import tasks as pool_tasks
from janitor.stores.records import InstanceRecord, ValidationRecord
from janitor.stores.report_terms import ReportTerms


class NoInstanceError(ConflictError):
    """There is nothing to watch (yet)."""


class Watch:
    """One validation's wait on its instance.

    Raises (every method):
        CloudError: AWS can't be asked; the caller asks again.
        DatabaseError: Postgres can't be used.
    """

    def __init__(self, settings: Settings, validation_id: UUID) -> None:
        self._settings = settings
        self._access = CloudAccess.of(settings)
        self._artefact_ready = False
        self._end: Decision | None = None
        self._concluded: Concluded | None = None
        with transaction(settings.writer_url) as connection:
            self._validation = store.get_validation(connection, validation_id)
            instance = turns.host_of(connection, validation_id)
        if instance is None or instance.instance_id is None:
            raise NoInstanceError(f"validation {validation_id} has no instance to watch; run its launch task again")
        self._instance: InstanceRecord = instance
        self._instance_id: str = instance.instance_id
        self._command_id = self._validation.command_id
        self._second_chance = SecondChance(settings, self._validation.run_id, validation_id, instance)

    @property
    def validation(self) -> ValidationRecord:
        """The validation as it was when the watch began."""
        return self._validation

    @property
    def ledger_id(self) -> int:
        """The row of the instance that is watched."""
        return self._instance.ledger_id

    @property
    def watched(self) -> Watched:
        """What the trigger needs to go on watching."""
        return Watched(
            instance_id=self._instance_id,
            launched_at=self._instance.launched_at or self._instance.intent_at,
            deadline_at=self._instance.deadline_at,
            grace=self._validation.grace,
            online_timeout=self._settings.online_timeout,
            is_spot=self._instance.market == Market.SPOT.value,
            consistency=self._settings.consistency,
            command_id=self._command_id,
            sign=awaited_sign(self._settings, self._validation, self._instance, self._command_id),
        )

    def step(self) -> WatchOutcome | None:
        """Look once and do what is due.

        Returns:
            How it ended, or None while it goes on; `keep` writes it.
        """
        if self._validation.watch_outcome is not None:
            return self._validation.watch_outcome  # an earlier try of the task saw the end
        decision = decide(self.watched, self._observe())
        if decision.step is Step.SEND_COMMAND:
            self._send()
        elif decision.step is Step.FINISH:
            if self._awaits_report(decision):
                return None
            self._end, self._concluded = decision, None
            return decision.outcome
        elif not self._artefact_ready:
            # The instance is still booting: time to have the artefact in place before it is asked for.
            self._artefact()
            self._artefact_ready = True
        return None

    def keep(self) -> None:
        """Write how it ended, for whoever concludes it; the first time counts."""
        if self._end is None or self._end.outcome is None:
            return
        command = self._end.command
        with transaction(self._settings.writer_url) as connection:
            store.keep_watch_outcome(
                connection,
                self._validation.validation_id,
                self._instance.ledger_id,
                self._end.outcome,
                command_status=command.status.value if command else None,
                exit_code=command.exit_code if command else None,
            )
            if command is not None and command.status.is_final:
                ledger.keep_command_end(connection, self._instance.ledger_id, command.ended_at or _now())
        if self._end.outcome is WatchOutcome.TIME_UP and command is not None:
            ssm.cancel(self._access, self._instance_id, command.command_id)
        validation = self._validation
        remove_specs(self._settings, validation.run_id, validation.validation_id, generations=self._instance.generation)

    def conclude(self) -> Concluded:
        """What the end that was seen means; its report is fetched once."""
        if self._concluded is None:
            self._concluded = conclude_validation(self._settings, self._validation.validation_id, self._end)
        return self._concluded

    def _awaits_report(self, decision: Decision) -> bool:
        """Whether the validator has ended by itself, and its instance is asked for its report a second time."""
        if decision.outcome is not WatchOutcome.COMMAND_FINISHED or decision.command is None:
            return False
        if self._validation.run_status.is_final:
            return False
        return self._second_chance.is_awaited(decision.command)

    def _observe(self) -> Observation:
        command: CommandObservation | None = None
        if self._command_id is not None:
            seen = ssm.look(self._access, self._instance_id, self._command_id)
            command = seen.observation if seen else None
            if command is not None and command.status.is_final:
                # What becomes of the instance now is for `terminate` to see.
                return Observation(at=_now(), instance_state=self._instance.state, agent_online=False, command=command)
        instance = provider_of(self._settings).describe(self._instance_id)
        state = instance.state if instance else self._state_of_missing()
        if instance is not None and state is not self._instance.state:
            keep_seen(self._settings, self._instance, instance)
            self._read_again()
        online = False
        if self._command_id is None and state is InstanceState.RUNNING:
            online = ssm.agent_online(self._access, self._instance_id)
        return Observation(
            at=_now(),
            instance_state=state,
            agent_online=online,
            command=command,
            shows_life=self._look_for_life(),
            spot_interrupted=instance is not None and self._is_interrupted(instance),
        )

    def _state_of_missing(self) -> InstanceState | None:
        """What is believed of the instance while EC2 doesn't show it; None: it may not show it yet."""
        launched_at = self._instance.launched_at or self._instance.intent_at
        if _now() < launched_at + self._settings.consistency:
            return None
        return states_of_missing(self._settings, [self._instance_id]).get(self._instance_id)

    def _look_for_life(self) -> bool | None:
        """Whether the awaited sign is there; one that is seen is kept, and not looked for again."""
        sign = self.watched.sign
        if sign is None:
            return None
        life = look_for_life(self._settings, {self._instance_id: sign}, _now()).get(self._instance_id)
        if life:
            with transaction(self._settings.writer_url) as connection:
                ledger.keep_first_sign(connection, [self._instance_id])
            self._read_again()
        return life

    def _read_again(self) -> None:
        """What is known of the instance by now, as it counts for this validation."""
        with transaction(self._settings.writer_url) as connection:
            self._instance = turns.host_of(connection, self._validation.validation_id) or self._instance

    def _is_interrupted(self, instance: InstanceSeen) -> bool:
        """Whether AWS has taken the instance back, or has left its warning."""
        if instance.state_reason == SPOT_TERMINATION:
            return True
        if not instance.is_spot or instance.state is not InstanceState.RUNNING:
            return False
        key = notice_key_for(self._settings.deployment, NoticeKind.SPOT_WARNING, self._instance_id)
        return storage.exists(self._access, self._settings.bucket, key)

    def _send(self) -> None:
        validation, instance, settings = self._validation, self._instance, self._settings
        comment = command_comment_for(validation.validation_id, instance.generation)
        earlier = ssm.find_by_comment(self._access, self._instance_id, comment)
        command_id = earlier.command_id if earlier else self._send_new(comment)
        if command_id is None:
            return
        with transaction(settings.writer_url) as connection:
            store.mark_running(
                connection,
                validation.validation_id,
                command_id,
                ssm.log_stream_name(command_id, self._instance_id),
            )
            self._instance = turns.keep_command_start(connection, validation.validation_id, instance, _now())
        self._command_id = command_id

    def _artefact(self) -> StoredArtefact:
        """The validator that is sent; for an experiment the one whose report it repeats."""
        if self._validation.purpose is RunPurpose.FLEET:
            return ensure_artefact(self._settings)
        with transaction(self._settings.writer_url) as connection:
            repeated = experiments.validator_of_repeated(connection, self._validation.run_id)
        return artefact_like(self._settings, repeated, for_worker=turns.is_of_worker(self._instance))

    def _send_new(self, comment: str) -> str | None:
        validation, instance, settings, now = self._validation, self._instance, self._settings, _now()
        artefact = self._artefact()
        lifetime = address_lifetime(now, instance.deadline_at, validation.grace)
        execution_timeout = execution_timeout_for(now, instance.deadline_at, validation.grace)
        generation = (validation.run_id, validation.validation_id, instance.generation)
        with transaction(settings.writer_url) as connection:
            builds = earlier_builds(
                connection, settings.deployment, validation.organization, validation.repository_name
            )
            offered = ReportTerms(proof_key=new_key(), engine=settings.engine)
            terms = turns.keep_terms(connection, validation.validation_id, instance, offered)
            is_shared = turns.is_shared(instance)
            run = turns.sequential_run(connection, validation.run_id) if turns.is_of_run(instance) else None
        spec = spec_for(
            validation,
            instance,
            terms=terms,
            earlier_builds=builds,
            agent=settings.agent,
            secret_store=settings.secret_store,
            registry_secret=settings.registry_secret,
            image_id=provider_of(settings).image_of(instance.launch_parameters),
            report_url=storage.presigned_put(
                self._access, settings.bucket, report_key_for(*generation), valid_for=lifetime
            ),
            cache=run.cache if run is not None else None,
            cache_directory=settings.cache_directory,
            worker=self._worker_turn() if turns.is_of_worker(instance) else None,
        )
        return ssm.send(
            self._access,
            instance_id=self._instance_id,
            script=instance_script(
                sign_url=storage.presigned_put(
                    self._access, settings.bucket, sign_key_for(*generation), valid_for=FETCH_LIFETIME
                ),
                validator=fetched(settings, artefact.key, artefact.sha256),
                spec=put_spec(settings, spec, instance.generation),
                busy_for=execution_timeout if is_shared else None,
                cache_volume=run.cache_volume if run is not None else None,
            ),
            comment=comment,
            execution_timeout=execution_timeout,
            log_group=settings.log_group,
        )

    def _worker_turn(self) -> WorkerTurn | None:
        """The worker that has the validation, and its how-manieth task this is."""
        with transaction(self._settings.writer_url) as connection:
            task = pool_tasks.of_validation(connection, self._validation.validation_id)
        if task is None or task.last_claim is None:
            return None
        return worker_turn(self._settings, task.last_claim.held.worker_id, ordinal=task.last_claim.ordinal)


def _now() -> datetime:
    return datetime.now(timezone.utc)
