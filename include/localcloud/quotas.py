"""Service Quotas of EC2's vCPUs, which moto lacks: those of a seasoned account, and an increase is granted at once.

It is granted whatever is asked for, also less: so an account that may launch nothing can be had, too.
"""

from __future__ import annotations

import json
from typing import Any

from moto.servicequotas.models import ServiceQuotasBackend
from moto.servicequotas.responses import ServiceQuotasResponse

from localcloud.moto_pin import add_attribute, replace_attribute
from localcloud.settings import ACCOUNT_ID

VCPUS = 768.0
QUOTAS = {
    "L-1216C47A": "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances",
    "L-34B43A08": "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests",
    "L-DB2E81BA": "Running On-Demand G and VT instances",
    "L-3819A6DF": "All G and VT Spot Instance Requests",
    "L-417A185B": "Running On-Demand P instances",
    "L-7212CCBC": "All P4, P3 and P2 Spot Instance Requests",
}
"""Source: Service Quotas, "Amazon Elastic Compute Cloud (Amazon EC2)"."""


def install() -> None:
    """Apply the patches. Raises MotoMismatchError."""
    granted: dict[tuple[str, str], float] = {}

    def quota_of(region: str, code: str) -> dict[str, Any]:
        return {
            "ServiceCode": "ec2",
            "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
            "QuotaArn": f"arn:aws:servicequotas:{region}:{ACCOUNT_ID}:ec2/{code}",
            "QuotaCode": code,
            "QuotaName": QUOTAS[code],
            "Value": granted.get((region, code), VCPUS),
            "Unit": "None",
            "Adjustable": True,
            "GlobalQuota": False,
        }

    def get_service_quota(backend: Any, service_code: str, quota_code: str) -> Any:
        if service_code == "ec2" and quota_code in QUOTAS:
            return quota_of(backend.region_name, quota_code)
        return original(backend, service_code, quota_code)

    def request_service_quota_increase(response: Any) -> str:
        asked = json.loads(response.body)
        # Raises as GetServiceQuota does where there is no such quota.
        response.backend.get_service_quota(service_code=asked["ServiceCode"], quota_code=asked["QuotaCode"])
        granted[(response.region, asked["QuotaCode"])] = float(asked["DesiredValue"])
        told = {name: asked[name] for name in ("ServiceCode", "QuotaCode", "DesiredValue")}
        return json.dumps({"RequestedQuota": {**told, "Status": "APPROVED"}})

    original = replace_attribute(ServiceQuotasBackend, "get_service_quota", get_service_quota)
    add_attribute(ServiceQuotasResponse, "request_service_quota_increase", request_service_quota_increase)
