"""The JSON Schema of the report.

`python -m janitor.protocol.report_schema` prints it; `report-v2.schema.json` beside this file is its published form.
`report-v1.schema.json` is that of the version before, which is read and no longer written.
What a schema can't say, such as that the status is the one that the checks make, `Report.from_dict` still refuses.
"""

from __future__ import annotations

import json
import sys

from janitor.protocol.part_schema import Schema, part_schema
from janitor.protocol.report import Report


def report_schema() -> Schema:
    """The schema of `janitor-report/2`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Janitor validation report, version 2",
        "description": "What a validator found in one worker repository.",
        **part_schema(Report),
    }


def schema_text() -> str:
    """The schema as it is published."""
    return json.dumps(report_schema(), indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
