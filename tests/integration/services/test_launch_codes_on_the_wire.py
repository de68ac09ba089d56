"""A code of each class, as it comes from EC2 with its own HTTP status, has the end that its class has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from janitor.domain.errors import CloudError, LaunchRefusedError
from janitor.domain.launch.launch_codes import VERDICTS, LaunchVerdict, known_code
from janitor.domain.launch.owner import Owner
from janitor.domain.states import InstanceState
from janitor.services.launch.advance import NotYet
from janitor.settings import Settings
from janitor.stores.database import transaction
from tests.integration.services.test_launching import latest, step
from tests.support.localcloud_server import LocalCloudServer
from tests.support.rows import insert_run

STATUSES = {
    "UnfulfillableCapacity": 500,
    "InsufficientInstanceCapacity": 500,
    "SpotMaxPriceTooLow": 400,
    "RequestLimitExceeded": 503,
    "MaxSpotInstanceCountExceeded": 400,
    "AuthFailure.ServiceLinkedRoleCreationNotPermitted": 403,
    "InvalidParameterCombination": 400,
    "InternalError": 500,
    "IdempotentParameterMismatch": 400,
}
"""With which they come. Source: EC2 API, "Error codes for the Amazon EC2 API"."""


@pytest.fixture(autouse=True)
def _no_faults_afterwards(cloud: LocalCloudServer) -> Iterator[None]:
    yield
    cloud.set_faults()


@pytest.mark.parametrize(("code", "status"), STATUSES.items())
def test_a_code_ends_as_its_class_says(settings: Settings, cloud: LocalCloudServer, code: str, status: int) -> None:
    _, (first, _) = insert_run(settings.writer_url, deployment=settings.deployment)
    cloud.set_faults({"api": "RunInstances", "code": code, "message": "as EC2 says it", "http_status": status})
    row = known_code(code)
    verdict = VERDICTS[row.result]
    if verdict is LaunchVerdict.SAME_ATTEMPT:
        with pytest.raises(CloudError, match="same token"):
            step(settings, first)
        assert latest(settings, first).state is InstanceState.INTENT
    elif verdict is LaunchVerdict.STOP:
        with pytest.raises(LaunchRefusedError) as raised:
            step(settings, first)
        assert row.step in str(raised.value)
        assert latest(settings, first).state is InstanceState.NOT_LAUNCHED
    else:
        taken = step(settings, first)
        assert isinstance(taken, NotYet)
        assert taken.why.endswith(f"Janitor {verdict.told}")
        assert latest(settings, first).state is InstanceState.NOT_LAUNCHED
    with transaction(settings.writer_url) as connection:
        [kept] = connection.execute(
            "select result, aws_code from placement_attempts where owner_id = %s", (Owner.validation(first).id,)
        ).fetchall()
    assert kept["aws_code"] == row.code
    assert kept["result"] == row.result.value


def test_every_class_is_among_them() -> None:
    assert {known_code(code).result for code in STATUSES} == set(VERDICTS)
