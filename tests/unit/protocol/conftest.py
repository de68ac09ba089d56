"""Documents of the protocol, as a validator writes them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "report_v2.golden.json"


@pytest.fixture
def golden() -> dict:
    """The golden report, decoded; a copy of one's own."""
    return json.loads(GOLDEN.read_text())


@pytest.fixture
def spec_document() -> dict:
    return {
        "format": "janitor-spec/1",
        "validation_id": "11111111-1111-4111-8111-111111111111",
        "run_id": "22222222-2222-4222-8222-222222222222",
        "repository": {
            "name": "worker-basic",
            "organization": "runpod-workers",
            "url": "https://github.com/runpod-workers/worker-basic",
            "ref": "main",
            "dockerfile": None,
            "build_args": {"VERSION": "1"},
            "env": {"MODEL_NAME": "tiny"},
        },
        "prompt": "validate the repo and see if its still working",
        "gpu_required": True,
        "engine": "auto",
        "deadline": "2026-01-01T00:30:00+00:00",
        "grace_seconds": 120,
        "report_url": "https://bucket.s3.amazonaws.com/key?X-Amz-Signature=abc",
        "report_path": None,
    }
