"""Running Terraform: found on PATH, with providers from a mirror where there is one, ended so that it keeps its state.

A call that is interrupted is waited for: Terraform writes its state and frees its lock before it ends. It runs in a
session of its own, so that a Ctrl-C reaches it once, from here: at a second one it would drop everything.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from janitor.domain.errors import InfrastructureError
from janitor.domain.watch.waits import waiting

PROGRAM = "terraform"
MIRROR_ROOT = Path("/opt")
"""Where a folder with providers is looked for."""
_PROVIDER = "hashicorp/aws"
_CLI_CONFIG = """\
# Written by Janitor: the provider comes from this folder alone.
disable_checkpoint = true

provider_installation {{
  filesystem_mirror {{
    path    = "{mirror}"
    include = ["registry.terraform.io/{provider}"]
  }}
  direct {{
    exclude = ["registry.terraform.io/{provider}"]
  }}
}}
"""
_LAST_WORDS = 8000
"""Kept of what a failed Terraform said: it tells every error that it found, and the first is often the cause."""
_END_GRACE = timedelta(minutes=5)
"""What an interrupted Terraform may take to end what it is at."""


def find_program(search: str | None) -> str:
    """Terraform's path.

    Args:
        search: PATH.

    Raises:
        InfrastructureError: There is none.
    """
    found = shutil.which(PROGRAM, path=search)
    if found is None:
        raise InfrastructureError(
            "terraform is not on PATH: install Terraform 1.10 or newer (developer.hashicorp.com/terraform/install)"
        )
    return found


def find_mirror(configured: Path | None, root: Path = MIRROR_ROOT) -> Path | None:
    """The folder that Terraform's providers are taken from; None: the registry.

    Raises:
        InfrastructureError: A folder is named that holds no provider.
    """
    if configured is not None:
        if not _holds_provider(configured):
            raise InfrastructureError(
                f"JANITOR_TERRAFORM_MIRROR={configured}: there is no */{_PROVIDER} in it; name the folder above the"
                " registry's host name"
            )
        return configured.resolve()
    folders = sorted(path for path in root.glob("*") if path.is_dir()) if root.is_dir() else []
    return next((folder for folder in folders if _holds_provider(folder)), None)


def _holds_provider(folder: Path) -> bool:
    return any(folder.glob(f"registry.terraform.io/{_PROVIDER}/*/*"))


def write_cli_config(folder: Path, mirror: Path) -> Path:
    """Write Terraform's own configuration; returns its path."""
    path = folder / "terraform.rc"
    path.write_text(_CLI_CONFIG.format(mirror=mirror, provider=_PROVIDER), encoding="utf-8")
    return path


@dataclass(frozen=True, kw_only=True)
class Terraform:
    """Terraform on one root module."""

    program: str
    folder: Path
    """The root module."""
    environment: Mapping[str, str]
    """All of its environment."""

    def run(self, *arguments: str, limit: timedelta, allowed: tuple[int, ...] = (0,), shown: bool = True) -> int:
        """Run it, its output on the terminal; returns its exit code.

        Args:
            arguments: Subcommand (one string, also where it has two words) and options.
            limit: After that it is interrupted.
            allowed: The exit codes that are no failure.
            shown: False keeps its output to itself unless it fails.

        Raises:
            InfrastructureError: It failed or took too long.
        """
        code, output, errors = self._call(arguments, limit, capture=not shown)
        if code not in allowed:
            raise _failed(arguments, code, output + errors)
        return code

    def read(self, *arguments: str, limit: timedelta) -> str:
        """Run it and return its output.

        Raises:
            InfrastructureError: It failed or took too long; the message has its last words.
        """
        code, output, errors = self._call(arguments, limit, capture=True)
        if code != 0:
            raise _failed(arguments, code, output + errors)
        return output

    def _call(self, arguments: tuple[str, ...], limit: timedelta, *, capture: bool) -> tuple[int, str, str]:
        stream = subprocess.PIPE if capture else None
        # Terraform colours its words wherever they go.
        plain = ("-no-color",) if capture or not sys.stdout.isatty() or self.environment.get("NO_COLOR") else ()
        subcommand, *options = arguments
        with (
            waiting(f"waiting for terraform {arguments[0]}", limit, shown=not capture),
            subprocess.Popen(
                [self.program, f"-chdir={self.folder}", *subcommand.split(), *plain, *options],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env=dict(self.environment),
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process,
        ):
            try:
                output, errors = process.communicate(timeout=limit.total_seconds())
            except subprocess.TimeoutExpired as exc:
                _end(process)
                raise InfrastructureError(
                    f"terraform {arguments[0]} took longer than {limit.total_seconds() / 60:.0f} min and was ended"
                ) from exc
            except BaseException:
                _end(process)
                raise
        return process.returncode, output or "", errors or ""


def _failed(arguments: tuple[str, ...], code: int, said: str) -> InfrastructureError:
    words = f"; its last words:\n{said[-_LAST_WORDS:]}" if said else "; what it said stands above"
    return InfrastructureError(f"terraform {arguments[0]} ended with exit code {code}{words}")


def _end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=_END_GRACE.total_seconds())
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
