"""`python -m localcloud faults`: sets, lists and clears the faults of a local cloud that runs.

faults --url http://127.0.0.1:4566 --key-file .local/cloud/key.json set '{"fault": "capacity", "times": 2}'
faults --url … --key-file … list | clear | names
"""

from __future__ import annotations

import argparse
import contextlib
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from localcloud.faults.names import summaries
from localcloud.standard_output import code_after_output, tell

FAULTS_PATH = "/_localcloud/faults"
TIMEOUT_SECONDS = 30
EXIT_USAGE = 2
EXIT_TROUBLE = 3


class FaultCommandError(Exception):
    """The command could not do what was asked. `exit_code` says whose trouble it is."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def add_parser(commands: Any) -> None:
    """Add the command's grammar to the top command's."""
    parser = commands.add_parser(
        "faults",
        help="set, list or clear faults of a local cloud that runs",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: python -m localcloud faults --url http://127.0.0.1:4566 --key-file key.json "
        'set \'{"fault": "capacity", "times": 2}\'',
    )
    parser.add_argument("--url", help="address of the local cloud")
    parser.add_argument("--key-file", type=Path, help="JSON with its access key")
    parser.set_defaults(run=run)
    verbs = parser.add_subparsers(dest="verb", required=True)
    setting = verbs.add_parser("set", help="put rules in force instead of all others")
    setting.add_argument("rules", help="one rule, or a list of rules, as JSON")
    verbs.add_parser("list", help="print the rules in force, as JSON")
    verbs.add_parser("clear", help="remove all rules")
    verbs.add_parser("names", help="print the named faults; needs no local cloud")


def run(options: argparse.Namespace) -> int:
    """Carry out the command.

    Returns:
        The exit code: 0, 2 for a bad rule or usage, 3 where the cloud can't be asked or the answer can't be written,
        141 where nobody reads it any more.
    """
    return code_after_output(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    try:
        if options.verb == "names":
            width = max(map(len, summaries()))
            print("\n".join(f"{name:<{width}}  {text}" for name, text in summaries().items()))  # noqa: T201  # what the program tells
            return 0
        rules = _answer(options)
    except FaultCommandError as exc:
        tell(f"faults: {exc}")
        return exc.exit_code
    print(json.dumps(rules, indent=2))  # noqa: T201  # what the program tells
    return 0


def _answer(options: argparse.Namespace) -> Any:
    if not options.url or not options.key_file:
        raise FaultCommandError(f"{options.verb} needs --url and --key-file", EXIT_USAGE)
    body = None
    if options.verb == "clear":
        body = b"[]"
    elif options.verb == "set":
        try:
            rules = json.loads(options.rules)
        except ValueError as exc:
            raise FaultCommandError(f"the rules are no JSON: {exc}", EXIT_USAGE) from exc
        body = json.dumps(rules if isinstance(rules, list) else [rules]).encode()
    return _request(options.url.rstrip("/"), options.key_file, body)


def _request(url: str, key_file: Path, body: bytes | None) -> Any:
    """A signed request to the faults endpoint: POST with a body, else GET."""
    from botocore.auth import SigV4Auth  # noqa: PLC0415  (`names` and `--help` need not wait for it)
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415  # loaded where it is needed alone
    from botocore.credentials import Credentials  # noqa: PLC0415  # loaded where it is needed alone

    try:
        key = json.loads(key_file.read_text(encoding="utf-8"))
        credentials = Credentials(key["access_key_id"], key["secret_access_key"])
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise FaultCommandError(f"{key_file} is no key file of a local cloud: {exc!r}", EXIT_USAGE) from exc
    method = "GET" if body is None else "POST"
    request = AWSRequest(method=method, url=url + FAULTS_PATH, data=body or b"")
    SigV4Auth(credentials, "localcloud", "us-east-1").add_auth(request)
    if not url.startswith("http://"):
        raise FaultCommandError(
            f"{url} is no address of a local cloud; it looks like http://127.0.0.1:4566", EXIT_USAGE
        )
    plain = urllib.request.Request(request.url, data=body, method=method, headers=dict(request.headers))  # noqa: S310  # an address of our own
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the loopback needs no proxy
    try:
        with opener.open(plain, timeout=TIMEOUT_SECONDS) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        raise _refused(exc) from exc
    except OSError as exc:
        raise FaultCommandError(f"no local cloud answers at {url}: {exc}", EXIT_TROUBLE) from exc


def _refused(error: urllib.error.HTTPError) -> FaultCommandError:
    text = error.read().decode(errors="replace")
    if error.code == 400:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            text = json.loads(text)["error"]
        return FaultCommandError(text, EXIT_USAGE)
    return FaultCommandError(f"the local cloud refused ({error.code}): {text}", EXIT_TROUBLE)
