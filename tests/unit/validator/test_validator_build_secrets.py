"""Secrets in an image's build: as a mount that the Dockerfile asks for by name, never as a build argument."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

from janitor.guest.interrupts import Interrupts
from janitor.guest.journal import Journal
from janitor.guest.redaction import Redactor
from janitor.protocol.order.repository import RepositorySpec
from janitor.protocol.order.spec import ValidationSpec
from janitor.protocol.terms.statuses import EngineChoice
from janitor.validator.context import CheckContext
from janitor.validator.engines.docker.build import _secrets
from janitor.validator.findings import EvidenceMaker
from janitor.validator.secrets.delivered import DeliveredSecrets
from janitor.validator.settings import Settings
from janitor.validator.workspace import Workspace

VALUE = "hf_abcdefghijklmnop"
DOCKERFILE = """\
FROM python:3.11-slim
RUN --mount=type=secret,id=hf_token,env=HF_TOKEN pip install .
RUN --mount=type=secret,id=other pip install .
"""


def test_a_secret_is_mounted_from_a_private_file_where_the_dockerfile_asks_for_it(tmp_path: Path) -> None:
    deadline = datetime.now(timezone.utc) + timedelta(minutes=5)
    redactor = Redactor()
    context = CheckContext(
        spec=ValidationSpec(
            validation_id=str(UUID(int=1)),
            run_id=str(UUID(int=2)),
            repository=RepositorySpec(name="w", organization="o", url="https://example.org/w"),
            prompt="look",
            gpu_required=False,
            engine=EngineChoice.DOCKER,
            deadline=deadline,
            grace=timedelta(minutes=1),
        ),
        settings=Settings.from_environment({"HOME": str(tmp_path)}),
        workspace=Workspace.make(tmp_path),
        journal=Journal(redactor),
        evidence=EvidenceMaker(redactor),
        interrupts=Interrupts(deadline),
        secrets=DeliveredSecrets(values={"HF_TOKEN": VALUE, "UNASKED": "unasked-value"}),
    )
    options = _secrets(context, DOCKERFILE)
    flag, option = options
    assert flag == "--secret"
    assert option.startswith("id=hf_token,src=")
    file = Path(option.partition("src=")[2])
    assert file.read_text() == VALUE
    assert file.stat().st_mode & 0o777 == 0o600
    assert VALUE not in " ".join(options)
    assert "unasked-value" not in repr(context)
    assert VALUE not in repr(context)
