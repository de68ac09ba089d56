"""The calls of RunPod's REST v2 that are used, over one account; what isn't in `facts.json` isn't answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qs

from localcloud.runpod.account import GPUS, Account
from localcloud.runpod.answers import Answer, DroppedError, ProblemError
from localcloud.runpod.facts import FACTS, problems_of
from localcloud.runpod.faults import Fault
from localcloud.runpod.pods import Pod, Status

_CAPACITY_WORDS = "There are no longer any instances available with the requested specifications."
"""Source: runpodctl#189, as the older APIs word it."""
_RULE_WORDS = "request breaks a rule: the container disk is too small for this image"
_WORDS: Mapping[Fault, tuple[int, str]] = {
    Fault.CAPACITY: (400, _CAPACITY_WORDS),
    Fault.RULE: (400, _RULE_WORDS),
    Fault.BALANCE: (402, "insufficient balance"),
    Fault.POOL: (403, "access to the requested pool is denied"),
    Fault.MOVED: (422, "Request validation failed."),
    Fault.REFUSED_500: (500, "upstream failure"),
}
_HOURS = 3600.0

Call = Callable[[Account, "Asked"], Answer]


class Asked:
    """One request, as calls need it."""

    def __init__(self, path: str, query: str, body: bytes, own_pod: Pod | None) -> None:
        self.path, self.own_pod = path, own_pod
        self.query = {name: values[-1] for name, values in parse_qs(query).items()}
        self._body = body

    @property
    def pod_id(self) -> str:
        """The pod that the path names."""
        return self.path.split("/")[3]

    def document(self) -> Any:
        """The body. Raises ProblemError where it is no JSON."""
        try:
            return json.loads(self._body)
        except ValueError:
            raise ProblemError(400, "the request body is no JSON") from None


def _list(account: Account, _asked: Asked) -> Answer:
    if account.faults.take(Fault.FAILED_LIST):
        raise ProblemError(503, "upstream failure")
    return Answer(status=200, document={"pods": [pod.document(status) for pod, status in account.shown()]})


def _create(account: Account, asked: Asked) -> Answer:
    body = asked.document()
    if problems := problems_of(body, FACTS["create_pod"]):
        raise ProblemError(422, "Request validation failed.", errors=problems)
    if sum(kind in body for kind in FACTS["exactly_one_of"]) != 1:
        raise ProblemError(400, "exactly one of gpu or cpu must be set")
    gpu = str((body.get("gpu") or {}).get("id", ""))
    if "gpu" in body and gpu not in GPUS:
        raise ProblemError(400, f"gpu id {gpu!r} is unknown")
    if rule := account.faults.take(*_WORDS, gpu=gpu):
        status, detail = _WORDS[rule.fault]
        errors = ["$: additional properties 'disk' not allowed"] if rule.fault is Fault.MOVED else []
        raise ProblemError(status, detail, errors=errors)
    double = account.faults.take(Fault.DUPLICATE, gpu=gpu)
    pod = account.create(body, copies=2 if double else 1)
    if account.faults.take(Fault.CREATED_500, gpu=gpu):
        raise ProblemError(500, "upstream failure")
    if account.faults.take(Fault.CREATED_SILENT, gpu=gpu):
        raise DroppedError
    return Answer(status=201, document=pod.document())


def _get(account: Account, asked: Asked) -> Answer:
    shown = account.shown(asked.pod_id)
    if not shown:
        raise ProblemError(404, "pod not found")
    pod, status = shown[0]
    return Answer(status=200, document=pod.document(status))


def _delete(account: Account, asked: Asked) -> Answer:
    pod = _there(account, asked)
    if account.faults.take(Fault.DELETE_REFUSED, gpu=pod.gpu):
        raise ProblemError(500, "upstream failure")
    pod.delete()
    if account.faults.take(Fault.DELETE_500, gpu=pod.gpu):
        raise ProblemError(500, "upstream failure")
    return Answer(status=204)


def _act(account: Account, asked: Asked) -> Answer:
    body = asked.document()
    if problems := problems_of(body, FACTS["action"]):
        raise ProblemError(422, "Request validation failed.", errors=problems)
    pod, action = _there(account, asked), body["action"]
    if action not in FACTS["actions_by_status"][pod.status.value]:
        raise ProblemError(409, f"{action} is not valid for a pod that is {pod.status.value}")
    {"start": pod.boot, "stop": pod.stop, "restart": pod.restart, "terminate": pod.delete}[action]()
    return Answer(status=204) if action == "terminate" else Answer(status=200, document=pod.document())


def _logs(account: Account, asked: Asked) -> Answer:
    pod = _there(account, asked)
    tail = asked.query.get("tail", "100")
    if not tail.isdecimal() or int(tail) > 5000:
        raise ProblemError(422, "Request validation failed.", errors=["tail: at most 5000 is expected"])
    now = datetime.now(timezone.utc).isoformat()
    lines = pod.output().splitlines()[-int(tail) :] if asked.query.get("source", "container") != "system" else []
    events = [f"id: {now}\ndata: {json.dumps({'source': 'container', 'line': line, 'ts': now})}\n\n" for line in lines]
    return Answer(
        status=200, text="".join(events), content_type="text/event-stream", headers={"Cache-Control": "no-cache"}
    )


def _gpus(account: Account, asked: Asked) -> Answer:
    wants = asked.query.get("include")
    if wants not in (None, "AVAILABILITY"):
        raise ProblemError(422, "Request validation failed.", errors=["include: AVAILABILITY is expected"])
    if (wants is None) != ("product" not in asked.query):
        raise ProblemError(400, "include=AVAILABILITY and product go together")
    if asked.query.get("product", "POD") not in FACTS["products"]:
        raise ProblemError(422, "Request validation failed.", errors=["product: unknown"])
    found = []
    for gpu_id, (name, memory, price) in GPUS.items():
        gpu: dict[str, Any] = {
            **{"id": gpu_id, "name": name, "pool": None, "manufacturer": "NVIDIA", "memory": memory},
            **{"secure": True, "community": True, "price": {"secure": price, "community": round(price * 0.8, 3)}},
            "maxCount": {"secure": 8, "community": 4},
        }
        if wants:
            gpu["availability"] = "NONE" if account.faults.is_in_force(Fault.CAPACITY, gpu_id) else "HIGH"
        found.append(gpu)
    return Answer(status=200, document={"gpus": found})


def _billing(account: Account, asked: Asked) -> Answer:
    now = datetime.now(timezone.utc)
    wanted = asked.query.get("podId")
    records: list[dict[str, Any]] = []
    for pod in account.pods():
        if wanted not in (None, pod.id) or pod.started_at is None:
            continue
        seconds = ((pod.ended_at or now) - pod.started_at).total_seconds()
        amount = round(seconds / _HOURS * (GPUS[pod.gpu][2] if pod.gpu in GPUS else 0.0), 6)
        records.append(
            {
                **{
                    "podId": pod.id,
                    "startTime": pod.started_at.isoformat(),
                    "endTime": (pod.ended_at or now).isoformat(),
                },
                **{"totalAmount": amount, "gpuAmount": amount, "cpuAmount": 0.0, "diskAmount": 0.0},
            }
        )
    total = round(sum(record["totalAmount"] for record in records), 6)
    metadata = {
        **{"query": {}, "recordCount": len(records), "uniquePodCount": len(records)},
        "totals": {"totalAmount": total, "gpuAmount": total, "cpuAmount": 0.0, "diskAmount": 0.0},
    }
    return Answer(status=200, document={"records": records, "metadata": metadata})


def _there(account: Account, asked: Asked) -> Pod:
    pod = account.there(asked.pod_id)
    if pod is None:
        raise ProblemError(404, "pod not found")
    return pod


_CALLS: Mapping[str, Call] = {
    "GET /v2/pods": _list,
    "POST /v2/pods": _create,
    "GET /v2/pods/{id}": _get,
    "DELETE /v2/pods/{id}": _delete,
    "POST /v2/pods/{id}/action": _act,
    "GET /v2/pods/{id}/logs": _logs,
    "GET /v2/catalog/gpus": _gpus,
    "GET /v2/billing/pods": _billing,
}
_OF_ONE_POD = re.compile(r"^/v2/pods/(?P<id>[A-Za-z0-9]+)(?P<rest>/action|/logs)?$")


def carry_out(account: Account, method: str, asked: Asked) -> Answer:
    """Answer one call of whoever was let in.

    Raises:
        ProblemError: It is refused.
        DroppedError: It gets no answer.
    """
    one = _OF_ONE_POD.match(asked.path)
    path = f"/v2/pods/{{id}}{one['rest'] or ''}" if one else asked.path
    call = _CALLS.get(f"{method} {path}")
    if call is None:
        allowed = [known.split()[0] for known in _CALLS if known.split()[1] == path]
        if not allowed:
            raise ProblemError(404, "resource not found")
        raise ProblemError(
            405, "The requested method is not allowed for this path.", headers={"Allow": ", ".join(allowed)}
        )
    if asked.own_pod is not None and (one is None or one["id"] != asked.own_pod.id):
        raise ProblemError(403, "access denied")
    if rule := account.faults.take(Fault.OUTAGE, Fault.THROTTLED):
        if rule.fault is Fault.OUTAGE:
            raise ProblemError(503, "upstream failure")
        raise ProblemError(
            429, "rate limit exceeded for the minute window", headers={"Retry-After": str(max(1, round(rule.seconds)))}
        )
    return call(account, asked)


def alive(account: Account) -> int:
    """How many pods there are that aren't deleted."""
    return sum(1 for pod in account.pods() if pod.status is not Status.TERMINATED)
