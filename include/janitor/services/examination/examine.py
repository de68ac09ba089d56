"""The examination of a deployment: every question, at the same time where they don't depend on each other.

Nothing is changed or launched. What can't be asked is unknown, with the reason; it is never taken for right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from janitor.cloud.asking import NotAllowedError
from janitor.domain.errors import JanitorError
from janitor.domain.findings import Finding, FindingLevel, problem, unknown
from janitor.domain.watch.waits import waiting
from janitor.services.examination import account, airflow, alarms, cache, database, launching, parts, timer_role, trial
from janitor.services.examination.wanted import Wanted, wanted_by, wanted_in_turn_by
from janitor.services.side_by_side import answers_of
from janitor.settings import Settings


@dataclass(frozen=True)
class _Question:
    subject: str
    ask: Callable[[], Iterator[Finding]]


def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a run of the deployment would need."""
    groups = (_of_the_cloud, _of_the_database, _of_airflow)
    with waiting(f"waiting for the parts of deployment {settings.deployment}"):
        return [
            finding for found in answers_of([partial(each, settings) for each in groups], "look") for finding in found
        ]


def _of_the_cloud(settings: Settings) -> list[Finding]:
    first, can_ask = account.credentials(settings)
    region = list(account.region(settings))
    can_ask = can_ask and all(finding.level is FindingLevel.OK for finding in region)
    found = [*first, *region]
    wanted, problems_of_configs = _wanted(settings)
    found += problems_of_configs
    found += account.prices(settings, wanted)
    if not can_ask:
        said = "nothing of it could be asked without credentials and a region"
        return [*found, unknown("account", said, "see above, then run this again")]
    questions = [
        _Question("quotas", partial(account.quotas, settings, wanted)),
        _Question("spot role", partial(account.spot_role, settings, wanted)),
        _Question("launch template", partial(launching.template_and_image, settings)),
        _Question("subnets", partial(launching.places, settings, wanted)),
        _Question("launch", partial(trial.trial, settings, wanted)),
    ]
    return [*found, *_answers([*questions, *_of_what_is_made(settings)])]


def _of_what_is_made(settings: Settings) -> list[_Question]:
    """Questions about what `infra-apply` makes: none before, when all of it is missing by one cause."""
    if not settings.is_applied:
        return []
    return [
        _Question("bucket", partial(parts.bucket, settings)),
        _Question("log group", partial(parts.log_group, settings)),
        _Question("cache volume", partial(cache.cache_volume, settings)),
        _Question("external timer", partial(parts.external_timer, settings)),
        _Question("external timer's role", partial(timer_role.timer_role, settings)),
        _Question("reaper function", partial(parts.reaper_function, settings)),
        _Question("alarms", partial(alarms.alarms, settings)),
    ]


def _wanted(settings: Settings) -> tuple[list[Wanted], list[Finding]]:
    """What the deployment's own configurations ask for, or why that isn't known."""
    found: list[Wanted] = []
    problems: list[Finding] = []
    config, repos = settings.default_config, settings.default_repos_file
    for subject, read, check, variable in (
        ("configuration", wanted_by, f"make check-config CONFIG={config}", "JANITOR_DEFAULT_CONFIG"),
        ("repositories", wanted_in_turn_by, f"janitor check-config --sequential {repos}", "JANITOR_DEFAULT_REPOS_FILE"),
    ):
        try:
            found.append(read(settings))
        except JanitorError as exc:
            step = f"correct it (`{check}`), or name another one by {variable}"
            problems.append(problem(subject, _first_line(exc), step))
    return found, problems


def _of_the_database(settings: Settings) -> list[Finding]:
    return _answers(
        [
            _Question("database roles", partial(database.roles, settings)),
            _Question("database schema", partial(database.schema, settings)),
        ]
    )


def _of_airflow(settings: Settings) -> list[Finding]:
    return _answers([_Question("airflow", partial(airflow.airflow, settings))])


def _answers(questions: Sequence[_Question]) -> list[Finding]:
    return [finding for question in questions for finding in _answer(question)]


def _answer(question: _Question) -> Iterator[Finding]:
    try:
        yield from question.ask()
    except NotAllowedError as exc:
        step = "ask as somebody who may, or let whoever asks do so; a run may need less than this question"
        yield unknown(question.subject, f"not allowed to ask: {_first_line(exc)}", step)
    except JanitorError as exc:
        yield unknown(question.subject, _first_line(exc), "mend that, then run this again")


def _first_line(exc: BaseException) -> str:
    return str(exc).strip().partition("\n")[0]
