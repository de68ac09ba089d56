"""Checks what Terraform reads: format, validity, and the module's own tests with a provider that calls nothing.

Needs no account and no network beyond the provider. Where Terraform or the provider can't be had, it says so by name
and ends well; in CI (CI is anything but empty), and with JANITOR_CHECK_STRICT=1, that is a failure,
as in infra/packer/check.sh.

    python infra/scripts/check_terraform.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from janitor.domain.errors import InfrastructureError
from janitor.infrastructure.terraform import find_mirror, find_program, write_cli_config

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 900


def main() -> int:
    """Run the checks one after another; the first that fails ends them."""
    try:
        program = find_program(os.environ.get("PATH"))
    except InfrastructureError as exc:
        return _skipped("terraform", str(exc))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = _environment(folder)
        if _run(program, environment, ROOT / "infra", "fmt", "-check", "-recursive", "-diff") != 0:
            sys.stderr.write("error: run `terraform -chdir=infra fmt -recursive`\n")
            return 1
        module = _copy(folder)
        if _run(program, environment, module, "init", "-backend=false", "-input=false", "-no-color") != 0:
            return _skipped("terraform's provider", "it can't be had; name a mirror in JANITOR_TERRAFORM_MIRROR")
        for arguments in (("validate",), ("test",)):
            if _run(program, environment, module, *arguments, "-no-color") != 0:
                sys.stderr.write(f"error: terraform {arguments[0]} failed\n")
                return 1
    return 0


def _environment(folder: Path) -> dict[str, str]:
    """Without credentials: nothing here may call AWS."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TF_VAR_"))}
    named = os.environ.get("JANITOR_TERRAFORM_MIRROR", "").strip()
    mirror = find_mirror(Path(named) if named else None)
    if mirror is not None:
        kept["TF_CLI_CONFIG_FILE"] = str(write_cli_config(folder, mirror))
    return kept | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", "AWS_EC2_METADATA_DISABLED": "true"}


def _copy(folder: Path) -> Path:
    """A copy leaves no `.terraform` in the checkout, and has the function's package."""
    infra = folder / "infra"
    for name in ("terraform", "policies", "lambda"):
        shutil.copytree(
            ROOT / "infra" / name, infra / name, ignore=shutil.ignore_patterns(".terraform*", "__pycache__")
        )
    package = infra / "lambda" / "dist" / "reaper.zip"
    if not package.is_file():
        subprocess.run([sys.executable, str(ROOT / "infra/lambda/build.py")], check=True, timeout=60)
        package.parent.mkdir(exist_ok=True)
        shutil.copy2(ROOT / "infra/lambda/dist/reaper.zip", package)
    return infra / "terraform"


def _run(program: str, environment: Mapping[str, str], folder: Path, *arguments: str) -> int:
    sys.stdout.write(f"terraform {' '.join(arguments)}\n")
    sys.stdout.flush()
    return subprocess.run(
        [program, f"-chdir={folder}", *arguments], env=dict(environment), timeout=LIMIT_SECONDS, check=False
    ).returncode


def _skipped(what: str, why: str) -> int:
    is_strict = os.environ.get("CI", "") != "" or os.environ.get("JANITOR_CHECK_STRICT", "") not in ("", "0")
    sys.stderr.write(f"{'error' if is_strict else 'skipped'}: {what}: {why}\n")
    return 1 if is_strict else 0


if __name__ == "__main__":
    sys.exit(main())
