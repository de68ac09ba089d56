"""The report's format: its golden file, its limits, and what it refuses from an instance that nobody trusts."""

from __future__ import annotations

import copy
import json
from datetime import datetime, timezone
from pathlib import Path

import jsonschema
import pytest

from janitor.protocol import report as module
from janitor.protocol.report import REPORT_MAX_BYTES, Report, ReportError
from janitor.protocol.report_schema import report_schema, schema_text
from janitor.protocol.terms.proven import ProofLevel
from janitor.protocol.terms.provenance import Commit, Machine, ResolvedBy
from janitor.protocol.terms.statuses import CheckStatus, Engine, ReportStatus

GOLDEN = Path(__file__).parent / "report_v2.golden.json"
V1 = Path(__file__).parent / "report_v1.golden.json"
V1_SIGNED = Path(__file__).parent / "report_v1_signed.golden.json"
"""With the fields that came later, which the first validators didn't write."""
REAL, V1_REAL = (Path(__file__).parent / f"report_v{version}_real.golden.json" for version in (2, 1))
"""Of the example echo-worker, as a validator of each version wrote them."""
SCHEMAS = Path(module.__file__).parent
PUBLISHED = SCHEMAS / "report-v2.schema.json"
PUBLISHED_V1 = SCHEMAS / "report-v1.schema.json"


def changed(document: dict, path: str, value: object) -> dict:
    """The document with one field set; the path's parts are keys and indexes."""
    document = copy.deepcopy(document)
    *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
    holder = document
    for part in parents:
        holder = holder[part]
    holder[last] = value
    return document


def test_golden_report_is_read_and_written_unchanged():
    content = GOLDEN.read_bytes()
    report = Report.from_json(content)
    assert report.to_json() == content
    assert report.status is ReportStatus.FAILED
    assert report.engine is Engine.VENV
    assert [check.status for check in report.checks] == [
        CheckStatus.PASS,
        CheckStatus.SKIP,
        CheckStatus.FAIL,
        CheckStatus.ERROR,
    ]
    assert report.checks[2].evidence[0].size_bytes == 104857600
    assert report.signature is not None
    assert report.signature.title == "handler_local: no weights"
    assert report.phase_usd == {"test": 0.0125}
    assert report.host.gpu_names == ("NVIDIA A10G",)
    provenance = report.provenance
    assert provenance is not None
    assert provenance.commit is not None
    assert provenance.commit.subject == "Use torch 2.2"
    assert [image.resolved_by for image in provenance.base_images] == [ResolvedBy.BUILD, ResolvedBy.REGISTRY, None]
    assert provenance.packages is not None
    assert provenance.packages.versions["torch"] == "2.2.0+cu121"


def test_a_report_that_a_validator_wrote_is_read_and_written_unchanged():
    content = REAL.read_bytes()
    report = Report.from_json(content)
    assert report.to_json() == content
    jsonschema.validate(json.loads(content), report_schema())
    assert report.status is ReportStatus.SUCCESS
    provenance = report.provenance
    assert provenance is not None
    assert (provenance.commit, provenance.machine) == (
        Commit(
            author="Ada Lovelace",
            subject="Count words",
            committed_at=datetime(2026, 11, 1, 9, tzinfo=timezone.utc),
        ),
        Machine(instance_type="g5.xlarge", image_id="ami-0c10ca1ca10ca1ca1"),
    )
    assert [(image.reference, image.stage) for image in provenance.base_images] == [("python:3.11-slim", "0")]
    assert provenance.packages is not None
    assert provenance.packages.versions["runpod"] == "1.12.0"
    assert len(provenance.packages.versions) > 50
    assert provenance.notes == ()


class TestVersion1:
    @pytest.mark.parametrize("golden_v1", [V1, V1_SIGNED], ids=["first", "with later fields"])
    def test_it_is_read_and_written_as_version_2_that_lacks_what_is_new(self, golden_v1):
        report = Report.from_json(golden_v1.read_bytes())
        written = report.to_json()
        assert written == golden_v1.with_name(golden_v1.name.replace(".golden", "_read.golden")).read_bytes()
        jsonschema.validate(json.loads(written), report_schema())
        assert Report.from_json(written) == report
        assert report.provenance is None
        assert (report.host.gpu_names, report.host.cuda_version) == ((), None)
        assert {len(check.measurements) for check in report.checks} == {0}
        document = json.loads(golden_v1.read_text())
        kept = document.keys() - {"format", "host", "checks"}
        assert {key: json.loads(written)[key] for key in kept} == {key: document[key] for key in kept}

    def test_one_that_a_validator_wrote_is_read_without_loss(self):
        document = json.loads(V1_REAL.read_text())
        report = Report.from_json(V1_REAL.read_bytes())
        written = report.to_dict()
        jsonschema.validate(written, report_schema())
        assert Report.from_dict(written) == report
        assert (written.pop("format"), written.pop("provenance")) == ("janitor-report/2", None)
        for check in written["checks"]:
            assert check.pop("measurements") == {}
        host = written["host"]
        assert (host.pop("gpu_names"), host.pop("cuda_version")) == ([], None)
        assert (document.pop("format"), document["host"].pop("gpu_name")) == ("janitor-report/1", None)
        assert written == document

    def test_its_gpu_is_the_first_of_several(self):
        document = changed(json.loads(V1.read_text()), "host/gpu_name", "NVIDIA A10G")
        assert Report.from_dict(document).host.gpu_names == ("NVIDIA A10G",)

    def test_its_published_schema_still_fits_it(self):
        schema = json.loads(PUBLISHED_V1.read_text())
        for golden_v1 in (V1, V1_SIGNED, V1_REAL):
            jsonschema.validate(json.loads(golden_v1.read_text()), schema)

    @pytest.mark.parametrize(
        ("path", "value", "named"),
        [
            ("provenance", None, "document: unknown field 'provenance'"),
            ("host/gpu_names", [], "host: unknown field 'gpu_names'"),
            ("checks/2/measurements", {}, "checks[2]: unknown field 'measurements'"),
            ("host", 1, "host: must be an object"),
            ("checks", [1], "checks[0]: must be an object"),
            ("checks", "none", "checks: must be a list"),
            ("host/gpu_name", 1, "host.gpu_names[0]: must be a string"),
            ("checks/0/status", "ok", "checks[0].status"),
            ("extra", 1, "document: unknown field 'extra'"),
        ],
    )
    def test_what_it_never_had_and_what_is_wrong_in_it_is_refused(self, path, value, named):
        with pytest.raises(ReportError) as caught:
            Report.from_dict(changed(json.loads(V1.read_text()), path, value))
        assert str(caught.value).startswith(named)

    def test_what_it_always_had_must_be_there(self):
        for path in ("host/gpu_name", "checks/0/evidence", "host", "checks"):
            document = json.loads(V1.read_text())
            *parents, last = (int(part) if part.isdigit() else part for part in path.split("/"))
            holder = document
            for part in parents:
                holder = holder[part]
            del holder[last]
            with pytest.raises(ReportError, match=r"is missing"):
                Report.from_dict(document)


PROVENANCE_FIELDS = [
    ("provenance", [], "provenance: must be an object"),
    ("provenance/more", 1, "provenance: unknown field 'more'"),
    ("provenance/commit/subject", "x" * 301, "provenance.commit.subject"),
    ("provenance/commit/committed_at", "2026-01-01", "provenance.commit.committed_at"),
    ("provenance/base_images/0/digest", "sha256:12", "provenance.base_images[0].digest"),
    ("provenance/base_images/0/resolved_by", "guess", "provenance.base_images[0].resolved_by"),
    ("provenance/packages/python", "", "provenance.packages.python"),
    ("provenance/packages/versions", {"x" * 201: "1"}, "provenance.packages.versions"),
    ("provenance/packages/versions", {"x": 1}, "provenance.packages.versions.x"),
    ("provenance/packages/versions", {f"p{n}": "1" for n in range(2_001)}, "provenance.packages.versions: has 2001"),
    ("provenance/validator_sha256", "E" * 64, "provenance.validator_sha256"),
    ("provenance/machine/instance_type", "", "provenance.machine.instance_type"),
    ("provenance/machine/image_id", "x" * 101, "provenance.machine.image_id"),
    ("provenance/notes", ["x"] * 21, "provenance.notes: has 21 entries"),
    ("host/gpu_names", ["x"] * 33, "host.gpu_names: has 33 entries"),
]


@pytest.mark.parametrize(
    ("path", "value", "named"), PROVENANCE_FIELDS, ids=[f"{path}={str(v)[:9]}" for path, v, _ in PROVENANCE_FIELDS]
)
def test_bad_provenance_is_refused_by_name_and_by_the_schema(golden, path, value, named):
    document = changed(golden, path, value)
    with pytest.raises(ReportError) as caught:
        Report.from_dict(document)
    assert str(caught.value).startswith(named)
    if "committed_at" not in path:  # the date-time format needs a library that isn't installed
        assert not jsonschema.Draft202012Validator(report_schema()).is_valid(document)


def test_provenance_may_be_unknown_in_whole_and_in_part(golden):
    parts = {"commit": None, "packages": None, "validator_sha256": None, "machine": None, "base_images": []}
    for document in ({**golden, "provenance": None}, {**golden, "provenance": {**golden["provenance"], **parts}}):
        jsonschema.validate(document, report_schema())
        assert Report.from_dict(document).to_dict() == document


@pytest.mark.parametrize("field", ["phase_usd", "signature"])
def test_a_later_field_may_be_absent_or_null(field):
    document = json.loads(GOLDEN.read_text())
    absent = {name: value for name, value in document.items() if name != field}
    for variant in (absent, {**document, field: None}):
        jsonschema.validate(variant, report_schema())
        assert Report.from_dict(variant).to_dict() == absent


MEASURED = {"build_seconds": 71.25, "image_bytes": 9_000_000_000_000, "line": 12, "cache": "warm", "drift": -0.5}


def test_what_a_check_measured_is_read_and_written_unchanged(golden):
    document = changed(golden, "checks/2/measurements", MEASURED)
    jsonschema.validate(document, report_schema())
    report = Report.from_dict(document)
    assert report.to_dict() == document
    assert report.checks[2].measurements == MEASURED
    assert [type(value) for value in report.checks[2].measurements.values()] == [float, int, int, str, float]
    assert report.checks[0].measurements == {}


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([], "checks[2].measurements: must be an object"),
        ({"Image Bytes": 1}, "checks[2].measurements.Image Bytes"),
        ({"cache": ""}, "checks[2].measurements.cache"),
        ({"cache": "x" * 201}, "checks[2].measurements.cache"),
        ({"warm": True}, "checks[2].measurements.warm: must be a whole number"),
        ({"warm": None}, "checks[2].measurements.warm: must be a number"),
        ({"bytes": 2**70}, "checks[2].measurements.bytes"),
        ({"seconds": [1]}, "checks[2].measurements.seconds: must be a number"),
        ({f"m{number}": 0 for number in range(41)}, "checks[2].measurements: has 41 entries"),
    ],
)
def test_bad_measurement_is_refused_by_name_and_by_the_schema(golden, value, named):
    document = changed(golden, "checks/2/measurements", value)
    with pytest.raises(ReportError) as caught:
        Report.from_dict(document)
    assert str(caught.value).startswith(named)
    assert not jsonschema.Draft202012Validator(report_schema()).is_valid(document)


LATER_FIELDS = [
    ("phase_usd", {"test": -1}, "phase_usd.test"),
    ("phase_usd", [], "phase_usd"),
    ("signature", "0" * 16, "signature"),
    ("signature/id", "0" * 15, "signature.id"),
    ("signature/title", "", "signature.title"),
    ("signature/line", "x" * 241, "signature.line"),
    ("signature/reason_code", None, "signature.reason_code"),
    ("signature/more", 1, "signature"),
]


@pytest.mark.parametrize(
    ("path", "value", "named"), LATER_FIELDS, ids=[f"{path}={str(v)[:9]}" for path, v, _ in LATER_FIELDS]
)
def test_bad_later_field_is_refused_by_name_and_by_the_schema(path, value, named):
    document = changed(json.loads(GOLDEN.read_text()), path, value)
    with pytest.raises(ReportError) as caught:
        Report.from_dict(document)
    assert str(caught.value).startswith(named)
    assert not jsonschema.Draft202012Validator(report_schema()).is_valid(document)


def test_published_schema_is_current():
    assert PUBLISHED.read_text() == schema_text(), (
        "run: python -m janitor.protocol.report_schema > report-v2.schema.json"
    )


def test_golden_reports_fit_the_schema(golden):
    jsonschema.Draft202012Validator.check_schema(report_schema())
    jsonschema.validate(golden, report_schema())


BAD_FIELDS = [
    ("format", "janitor-report/3", "format"),
    ("validation_id", "not-a-uuid", "validation_id"),
    ("repository/commit_sha", "0123", "repository.commit_sha"),
    ("repository/url", "x" * 2_049, "repository.url"),
    ("prompt", "", "prompt"),
    ("prompt", "x" * 20_001, "prompt"),
    ("engine", "podman", "engine"),
    ("status", "passed", "status"),
    ("reason_code", "Has Blanks", "reason_code"),
    ("summary", "x" * 501, "summary"),
    ("partial", 1, "partial"),
    ("started_at", "2026-01-01T00:00:00", "started_at"),
    ("started_at", "yesterday", "started_at"),
    ("duration_seconds", -1, "duration_seconds"),
    ("duration_seconds", "12", "duration_seconds"),
    ("duration_seconds", True, "duration_seconds"),
    ("gpu_available", "no", "gpu_available"),
    ("host/cpus", -1, "host.cpus"),
    ("host/cpus", 1.5, "host.cpus"),
    ("host/python", None, "host.python"),
    ("phases", {"checkout": -1}, "phases.checkout"),
    ("phases", {f"p{number}": 0 for number in range(21)}, "phases"),
    ("checks", {}, "checks"),
    ("checks/0/name", "Check Out", "checks[0].name"),
    ("checks/0/status", "ok", "checks[0].status"),
    ("checks/0/required", None, "checks[0].required"),
    ("checks/0/argv", ["x"] * 201, "checks[0].argv"),
    ("checks/0/argv", ["x" * 2_001], "checks[0].argv[0]"),
    ("checks/0/argv", "git fetch", "checks[0].argv"),
    ("checks/0/exit_code", 2**40, "checks[0].exit_code"),
    ("checks/0/evidence/0/kind", "picture", "checks[0].evidence[0].kind"),
    ("checks/0/evidence/0/sha256", "A" * 64, "checks[0].evidence[0].sha256"),
    ("checks/0/evidence/0/size_bytes", -1, "checks[0].evidence[0].size_bytes"),
    ("checks/0/evidence/0/tail", "x" * 4_001, "checks[0].evidence[0].tail"),
    ("checks/1/reason", None, "checks[1].reason"),
    ("checks/1/reason_code", None, "checks[1].reason"),
    ("checks/1/reason", "x" * 2_001, "checks[1].reason"),
]


@pytest.mark.parametrize(
    ("path", "value", "named"), BAD_FIELDS, ids=[f"{path}={str(v)[:20]}" for path, v, _ in BAD_FIELDS]
)
def test_bad_field_is_refused_by_name_and_by_the_schema(golden, path, value, named):
    document = changed(golden, path, value)
    with pytest.raises(ReportError) as caught:
        Report.from_dict(document)
    assert str(caught.value).startswith(named)
    checker = jsonschema.FormatChecker()
    if not path.startswith("started_at"):  # the date-time format needs a library that isn't installed
        assert not jsonschema.Draft202012Validator(report_schema(), format_checker=checker).is_valid(document)


@pytest.mark.parametrize("field", ["format", "checks", "host", "failing_check", "cuda_detected"])
def test_missing_field_is_refused(golden, field):
    del golden[field]
    with pytest.raises(ReportError, match=f"^{field}: is missing"):
        Report.from_dict(golden)


def test_unknown_field_is_refused_wherever_it_is(golden):
    with pytest.raises(ReportError, match=r"^document: unknown field 'extra'"):
        Report.from_dict({**golden, "extra": 1})
    golden["checks"][0]["evidence"][0]["more"] = 1
    with pytest.raises(ReportError, match=r"checks\[0\]\.evidence\[0\]: unknown field 'more'"):
        Report.from_dict(golden)


def test_too_many_checks_and_too_much_evidence_are_refused(golden):
    evidence = golden["checks"][0]["evidence"][0]
    with pytest.raises(ReportError, match=r"checks\[0\]\.evidence: has 41 entries"):
        Report.from_dict(changed(golden, "checks/0/evidence", [evidence] * 41))
    with pytest.raises(ReportError, match=r"^checks: has 101 entries"):
        Report.from_dict(changed(golden, "checks", [golden["checks"][0]] * 101))


@pytest.mark.parametrize("text", ["a\x00b", "half a pair \ud800"])
def test_text_that_no_database_can_hold_is_refused(golden, text):
    with pytest.raises(ReportError, match=r"tail: holds a NUL"):
        Report.from_dict(changed(golden, "checks/0/evidence/0/tail", text))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "123456789012345678901234567890"])
def test_number_that_is_no_duration_is_refused(golden, number):
    text = json.dumps(golden).replace('"duration_seconds": 12.5', f'"duration_seconds": {number}')
    with pytest.raises(ReportError, match=r"^duration_seconds"):
        Report.from_json(text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not JSON"),
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        (b"\xff\xfe\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b" " * (REPORT_MAX_BYTES + 1), "at most"),
    ],
    ids=["empty", "list", "null", "not text", "deep", "huge"],
)
def test_what_is_no_report_at_all_is_refused(content, message):
    with pytest.raises(ReportError, match=message):
        Report.from_json(content)


class TestContradictions:
    def test_success_without_a_handler_test_is_refused(self, golden):
        golden["checks"] = golden["checks"][:1]
        golden.update(status="success", reason_code=None, failing_check=None)
        with pytest.raises(ReportError, match=r"^status: says success, but the checks make it incomplete"):
            Report.from_dict(golden)

    def test_success_over_a_failed_check_is_refused(self, golden):
        golden.update(status="success", reason_code=None, failing_check=None)
        with pytest.raises(ReportError, match=r"^status: says success, but the checks make it failed"):
            Report.from_dict(golden)

    def test_the_same_check_twice_is_refused(self, golden):
        golden["checks"].append(golden["checks"][0])
        with pytest.raises(ReportError, match=r"^checks: 'checkout' is there more than once"):
            Report.from_dict(golden)

    def test_failing_check_that_is_no_check_is_refused(self, golden):
        golden["failing_check"] = "astrology"
        with pytest.raises(ReportError, match=r"^failing_check"):
            Report.from_dict(golden)

    def test_failure_without_a_reason_code_is_refused(self, golden):
        golden["reason_code"] = None
        with pytest.raises(ReportError, match=r"^reason_code"):
            Report.from_dict(golden)

    def test_signature_of_another_check_or_of_a_success_is_refused(self, golden):
        assert Report.from_dict(golden).signature is not None
        with pytest.raises(ReportError, match=r"^signature: is of another"):
            Report.from_dict(changed(golden, "signature/check", "build"))
        golden["checks"][2].update(status="pass", reason_code=None, reason=None)
        golden.update(status="success", reason_code=None, failing_check=None)
        with pytest.raises(ReportError, match=r"^signature: is there"):
            Report.from_dict(golden)

    def test_end_before_start_is_refused(self, golden):
        golden["finished_at"] = "2025-12-31T00:00:00+00:00"
        with pytest.raises(ReportError, match=r"^finished_at"):
            Report.from_dict(golden)


def test_instants_are_read_in_any_offset_and_kept_in_utc(golden):
    golden["started_at"] = "2026-01-01T02:00:00+02:00"
    golden["finished_at"] = "2026-01-01T00:00:12Z"
    report = Report.from_dict(golden)
    assert report.started_at.isoformat() == "2026-01-01T00:00:00+00:00"
    assert report.finished_at.isoformat() == "2026-01-01T00:00:12+00:00"


class TestProof:
    """How far a report proves, its notes and what it leaves unproven: later fields of the same format."""

    NOTE = {"code": "error_logged", "text": "ERROR cache lost", "file": "handler.py", "line": 3}
    UNPROVEN = {"kind": "not_run", "text": "RUN make test", "file": None, "line": None}

    def document(self) -> dict:
        told = {"proof_level": "environment", "unproven": [self.UNPROVEN]}
        return changed({**json.loads(GOLDEN.read_bytes()), **told}, "checks/0/notes", [self.NOTE])

    def test_it_is_read_and_written_unchanged_and_the_schema_takes_it(self):
        report = Report.from_dict(self.document())
        assert (report.proof_level, len(report.unproven), len(report.notes)) == (ProofLevel.ENVIRONMENT, 1, 1)
        assert json.loads(report.to_json()) == self.document()
        jsonschema.validate(self.document(), report_schema())

    def test_without_it_nothing_is_known(self):
        report = Report.from_json(GOLDEN.read_bytes())
        assert (report.proof_level, report.unproven, report.notes) == (None, (), ())

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("proof_level", "whole"),
            ("unproven/0/kind", "forgotten"),
            ("unproven/0/text", ""),
            ("unproven", [UNPROVEN] * 101),
            ("checks/0/notes", [NOTE] * 21),
            ("checks/0/notes/0/code", "Not a code"),
            ("checks/0/notes/0/line", 0),
            ("checks/0/notes/0/text", "x" * 501),
        ],
    )
    def test_what_is_out_of_bounds_is_refused_by_reader_and_schema(self, path, value):
        document = changed(self.document(), path, value)
        with pytest.raises(ReportError):
            Report.from_dict(document)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, report_schema())
