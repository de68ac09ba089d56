"""Pushes the built images to the deployment's registry in ECR, or says what is missing for it: the end of `make image`.

Both images go into the repository `janitor-<deployment>`, tagged by the code that is in them: `agent-<version>` and
`airflow-<version>`, where the version is the commit's tag or its number. ECR's tags can't be overwritten there, so what
isn't committed isn't pushed.

    ENV          local (the default): nothing is pushed
    ACCOUNT_ID, AWS_REGION    of the process, else of .env
    PUSH         0: never; 1: an error where it can't be; empty: where it can be
    REGISTRY     another registry than the account's, for which docker is logged in already
    OUTPUT       a file that gets repository=, agent_digest= and airflow_digest=
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parents[2]
USAGE, TROUBLE = 2, 3
PUSH_SECONDS = 1800
ANSWER_SECONDS = 60
_OFF, _ON = ("0", "no", "false"), ("1", "yes", "true")


class PushError(Exception):
    """It can't be pushed; the message says why and what to do."""


class NotPushed(Exception):  # no error: nothing has to be pushed
    """There is nowhere to push to; the message says what is missing."""


@dataclass(frozen=True)
class Registry:
    """Where images go."""

    host: str
    repository: str
    account: str | None
    """None for a registry that isn't ECR."""
    region: str | None

    @property
    def name(self) -> str:
        """As `docker push` takes it."""
        return f"{self.host}/{self.repository}"


def main() -> int:
    """0 pushed, or nothing to push; 2 bad usage; 3 it should have been and can't be."""
    environment = dict(os.environ)
    wanted = environment.get("PUSH", "").strip().lower()
    if wanted not in ("", *_OFF, *_ON):
        _say(f"error: PUSH={wanted} is neither 1 nor 0")
        return USAGE
    images = {
        "agent": environment.get("IMAGE") or "janitor:latest",
        "airflow": environment.get("AIRFLOW_IMAGE") or "janitor-airflow:latest",
    }
    try:
        if wanted in _OFF:
            raise NotPushed("PUSH=0")
        registry = find_registry(environment, ROOT)
        push(registry, version(ROOT), images, environment)
    except NotPushed as exc:
        _say(f"NOT PUSHED: {exc}")
        return TROUBLE if wanted in _ON else 0
    except PushError as exc:
        _say(f"error: not pushed: {exc}")
        return TROUBLE
    return 0


def find_registry(environment: Mapping[str, str], root: Path) -> Registry:
    """The registry of ENV.

    Raises:
        NotPushed: ENV has none, or the account's values aren't known.
        PushError: There is no such environment.
    """
    name = environment.get("ENV", "").strip() or "local"
    if name == "local":
        raise NotPushed("ENV=local has no registry; `make image ENV=dev` pushes")
    file = root / "infra" / "env" / f"{name}.env"
    if "/" in name or not file.is_file():
        raise PushError(f"ENV={name}: there is no infra/env/{name}.env")
    override = dotenv_values(file.with_name(f"{name}.override.env"), interpolate=False)
    committed = dotenv_values(file, interpolate=False)
    deployment = next(
        (value for source in (environment, override, committed) if (value := source.get("JANITOR_DEPLOYMENT"))), name
    )
    repository = f"janitor-{deployment}"
    if host := environment.get("REGISTRY", "").strip():
        return Registry(host=host, repository=repository, account=None, region=None)
    written = dotenv_values(root / ".env", interpolate=False)
    found = {key: environment.get(key) or written.get(key) or "" for key in ("ACCOUNT_ID", "AWS_REGION")}
    missing = [key for key, value in found.items() if not value]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise NotPushed(
            f"{' and '.join(missing)} {are} not set; put what is missing into .env (see .env.example), and run"
            f" `make image ENV={name}` again. The images are here and can be used on this machine"
        )
    account, region = found["ACCOUNT_ID"], found["AWS_REGION"]
    if not (account.isdigit() and len(account) == 12):
        raise PushError(f"ACCOUNT_ID={account} is no number of an AWS account: twelve digits")
    return Registry(f"{account}.dkr.ecr.{region}.amazonaws.com", repository, account, region)


def version(root: Path) -> str:
    """The commit's tag, else its number.

    Raises:
        PushError: It isn't known which code is in the images.
    """
    if _git(root, "status", "--porcelain"):
        raise PushError("the checkout has changes that are not committed: the images' tag would name other code")
    try:
        return _git(root, "describe", "--tags", "--exact-match")
    except PushError:
        return _git(root, "rev-parse", "--short=12", "HEAD")


def push(registry: Registry, code: str, images: Mapping[str, str], environment: Mapping[str, str]) -> None:
    """Push the images, tell their names, and write the digests where they are wanted.

    Args:
        registry: Where to.
        code: The version, as tags have it.
        images: Local names by what they are.
        environment: For docker.

    Raises:
        PushError: A push failed.
    """
    found = subprocess.run(
        [ROOT / "infra/docker/docker_command.sh"], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    )
    if found.returncode != 0:
        raise PushError(found.stderr.strip())
    docker, digests = found.stdout.strip(), {}
    with _logged_in(registry, environment) as logged_in:
        for kind, image in images.items():
            target = f"{registry.name}:{kind}-{code}"
            _docker([docker, "tag", image, target], logged_in)
            _docker([docker, "push", "--quiet", target], logged_in)
            listed = _docker([docker, "image", "inspect", "--format", "{{json .RepoDigests}}", target], logged_in)
            own = [each for each in json.loads(listed) if each.startswith(f"{registry.name}@")]
            if not own:
                raise PushError(f"{target}: docker doesn't say the digest that the registry gave it")
            digests[kind] = own[-1].partition("@")[2]
            _say(f"pushed {target}@{digests[kind]}")
    if output := environment.get("OUTPUT"):
        lines = [f"repository={registry.name}", *(f"{kind}_digest={digest}" for kind, digest in digests.items())]
        with Path(output).open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))


@contextmanager
def _logged_in(registry: Registry, environment: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment in which docker may push: a folder of settings of its own has the password, and is removed."""
    if registry.account is None:
        yield dict(environment)
        return
    given = Path(environment.get("DOCKER_CONFIG") or Path.home() / ".docker")
    with tempfile.TemporaryDirectory(prefix="janitor-push-") as folder:
        own = Path(folder)
        settings = _read_settings(given / "config.json")
        # A helper would be asked before what stands here.
        settings.pop("credsStore", None)
        settings.pop("credHelpers", None)
        settings["auths"] = {registry.host: {"auth": _token(registry)}}
        (own / "config.json").touch(mode=0o600)
        (own / "config.json").write_text(json.dumps(settings))
        for part in ("contexts", "cli-plugins"):
            if (given / part).is_dir():
                (own / part).symlink_to(given / part)
        yield {**environment, "DOCKER_CONFIG": folder}


def _token(registry: Registry) -> str:
    """The registry's password for some hours, as docker's settings have it."""
    limits = Config(connect_timeout=10, read_timeout=30, retries={"total_max_attempts": 3})
    try:
        client = boto3.client("ecr", region_name=registry.region, config=limits)
        (answer,) = client.get_authorization_token()["authorizationData"]
    except (BotoCoreError, ClientError) as exc:
        raise PushError(f"ECR gives no password: {exc}; `aws sts get-caller-identity` tells who you are") from exc
    host = answer["proxyEndpoint"].partition("//")[2]
    if host != registry.host:
        raise PushError(f"the credentials are of another account: their registry is {host}, not {registry.host}")
    base64.b64decode(answer["authorizationToken"], validate=True)
    return str(answer["authorizationToken"])


def _read_settings(path: Path) -> dict[str, object]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _docker(command: list[str], environment: Mapping[str, str]) -> str:
    try:
        done = subprocess.run(  # a list of words
            command,
            env=dict(environment),
            capture_output=True,
            text=True,
            timeout=PUSH_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise PushError(f"{' '.join(command[1:3])}: not done after {PUSH_SECONDS} s") from exc
    if done.returncode != 0:
        raise PushError(f"{' '.join(command[1:])}: {done.stderr.strip()[-600:]}")
    return done.stdout.strip()


def _git(root: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", root, *words], capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
    )
    if done.returncode != 0:
        raise PushError(f"git {words[0]}: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
