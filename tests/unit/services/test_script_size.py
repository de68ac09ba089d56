"""What SSM is sent stays far below its limit, whatever a repository is given."""

from __future__ import annotations

from urllib.parse import quote
from uuid import UUID

from janitor.domain.identity import report_key_for, sign_key_for, spec_key_for
from janitor.protocol.kept_report import kept_name
from janitor.services.watch.instance_script import Fetched, instance_script
from janitor.services.watch.second_chance import second_chance_script

MOST_BYTES = 32 * 1024
"""Half of the 64 KB that SSM's documents may have. Source: SSM API, MaxDocumentSizeExceeded."""
RUN, VALIDATION = UUID(int=2**128 - 1), UUID(int=2**128 - 2)
LONGEST_BUCKET = "b" * 63
"""Source: S3 user guide, "General purpose bucket naming rules"."""
LONG_TOKEN = "+/" * 1_024
"""Of a session, every character of it quoted. AWS states no maximum; those of roles have about 1,000 characters."""


def address(key: str) -> str:
    """As long as a presigned address gets."""
    query = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": "A" * 128 + "/20260101/ap-southeast-4/s3/aws4_request",
        "X-Amz-Date": "20260101T000000Z",
        "X-Amz-Expires": "604800",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Security-Token": LONG_TOKEN,
        "X-Amz-Signature": "0" * 64,
    }
    written = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
    return f"https://s3.ap-southeast-4.amazonaws.com/{LONGEST_BUCKET}/{key}?{written}"


def test_the_command_of_a_validation_is_small() -> None:
    script = instance_script(
        validator=Fetched(url=address(f"janitor-artefacts/{'0' * 64}.pyz"), sha256="0" * 64),
        spec=Fetched(url=address(spec_key_for(RUN, VALIDATION, 10_000)), sha256="0" * 64),
        sign_url=address(sign_key_for(RUN, VALIDATION, 10_000)),
    )
    assert len(script.encode()) <= MOST_BYTES


def test_the_command_of_a_second_chance_is_small() -> None:
    script = second_chance_script(VALIDATION, address(report_key_for(RUN, VALIDATION, 10_000)))
    assert kept_name(str(VALIDATION)) not in script  # coded, as SSM replaces what stands in braces
    assert len(script.encode()) <= MOST_BYTES
