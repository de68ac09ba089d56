"""The action of a request is told from its headers, form or path."""

from __future__ import annotations

import io
from typing import Any

import pytest

from localcloud.requests.api_actions import action_of, rest_action


def environ(path: str = "/", method: str = "POST", body: bytes = b"", **headers: str) -> dict[str, Any]:
    return {"PATH_INFO": path, "REQUEST_METHOD": method, "wsgi.input": io.BytesIO(body), **headers}


def test_protocols() -> None:
    form = "application/x-www-form-urlencoded; charset=utf-8"
    target = environ(HTTP_X_AMZ_TARGET="AmazonSSM.SendCommand")
    assert action_of(target, "ssm") == "SendCommand"
    query = environ(body=b"Version=2016-11-15&Action=RunInstances&MinCount=1", CONTENT_TYPE=form)
    assert action_of(query, "ec2") == "RunInstances"
    assert query["wsgi.input"].read().startswith(b"Version")  # left as it was
    rpc = environ("/service/GraniteServiceVersion20100801/operation/PutMetricData")
    assert action_of(rpc, "monitoring") == "PutMetricData"
    assert action_of(environ("/bucket/key", "PUT", CONTENT_TYPE=form), "s3") == "PutObject"


@pytest.mark.parametrize(
    ("service", "method", "path", "action"),
    [
        ("lambda", "POST", "/2015-03-31/functions/reaper/invocations", "Invoke"),
        ("lambda", "POST", "/2015-03-31/functions", "CreateFunction"),
        ("lambda", "GET", "/2015-03-31/functions/reaper", "GetFunction"),
        ("lambda", "GET", "/2015-03-31/functions/", "ListFunctions"),
        ("lambda", "PUT", "/2015-03-31/functions/reaper/code", "UpdateFunctionCode"),
        ("scheduler", "POST", "/schedules/one", "CreateSchedule"),
        ("scheduler", "DELETE", "/schedules/one", "DeleteSchedule"),
        ("scheduler", "GET", "/schedules", "ListSchedules"),
        ("scheduler", "POST", "/schedule-groups/group", "CreateScheduleGroup"),
        ("scheduler", "GET", "/tags/arn:aws:scheduler:us-east-1:1:schedule-group/group", "ListTagsForResource"),
        ("no-such-service", "GET", "/", ""),
    ],
)
def test_rest_services(service: str, method: str, path: str, action: str) -> None:
    assert rest_action(service, method, path) == action
