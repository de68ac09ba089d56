"""How the cloud is reached, and what instances are launched with."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import SecretStr

from janitor.protocol.order.spec import SecretStore
from janitor.settings.parts.deployment import DeploymentSettings
from janitor.settings.variables import Seconds, SecretsPrefix, Variable, WaitSeconds, Words


class CloudSettings(DeploymentSettings):
    """Region, endpoint, credentials, and the names of what is in the account."""

    region: Annotated[
        str,
        Variable("JANITOR_REGION", ("AWS_REGION", "AWS_DEFAULT_REGION"), ambient=True, ambient_before_files=True),
    ] = "us-east-1"
    """JANITOR_REGION says where a deployment is, whoever looks; without it the shell's AWS_REGION counts, as for every
    other tool of AWS, and then the file's."""
    aws_endpoint_url: Annotated[str | None, Variable("JANITOR_AWS_ENDPOINT_URL", ("AWS_ENDPOINT_URL",), True)] = None
    aws_access_key_id: Annotated[str | None, Variable("JANITOR_AWS_ACCESS_KEY_ID", ("AWS_ACCESS_KEY_ID",))] = None
    """None (as in dev and prod): boto3's default chain, which knows session tokens, profiles and roles."""
    aws_secret_access_key: Annotated[
        SecretStr | None, Variable("JANITOR_AWS_SECRET_ACCESS_KEY", ("AWS_SECRET_ACCESS_KEY",))
    ] = None
    aws_answer_timeout: Annotated[WaitSeconds | None, Variable("JANITOR_AWS_ANSWER_SECONDS")] = None
    """How long one attempt of a call to AWS waits for its answer; None: 30 s, 60 s for S3, 10 s for schedules."""
    bucket: Annotated[str, Variable("JANITOR_BUCKET")]
    log_group: Annotated[str, Variable("JANITOR_LOG_GROUP")] = "/janitor-runner"
    image_id: Annotated[str | None, Variable("JANITOR_IMAGE_ID")] = None
    """AMI of the instances; None where the launch template names it."""
    launch_template: Annotated[str | None, Variable("JANITOR_LAUNCH_TEMPLATE")] = None
    instance_profile: Annotated[str | None, Variable("JANITOR_INSTANCE_PROFILE")] = None
    secrets_prefix: Annotated[SecretsPrefix | None, Variable("JANITOR_SECRETS_PREFIX")] = None
    """What comes before the names of repositories' secrets in Secrets Manager; None: `janitor/<deployment>/`."""
    subnet_ids: Annotated[Words, Variable("JANITOR_SUBNET_IDS")] = ()
    security_group_ids: Annotated[Words, Variable("JANITOR_SECURITY_GROUP_IDS")] = ()
    aws_calls_file: Annotated[Path | None, Variable("JANITOR_AWS_CALLS_FILE")] = None
    """Takes a line `service action` for each kind of call to AWS, to be compared with a policy; None: none is kept."""
    consistency: Annotated[Seconds, Variable("JANITOR_CONSISTENCY_SECONDS")] = timedelta(seconds=60)
    """How long EC2 and SSM may not show yet what was made.
    Source: EC2 API, "Eventual consistency": describe calls may lag behind for a while."""

    @property
    def secret_store(self) -> SecretStore:
        """Where instances read the secrets of repositories, as a spec says it."""
        return SecretStore(prefix=self.secrets_prefix or f"janitor/{self.deployment}/", region=self.region)

    @property
    def news_secrets_prefix(self) -> str:
        """What comes before the names of the secrets of messages' channels; no instance may read what is below it."""
        return f"janitor-news/{self.deployment}/"
