"""The parts of a deployment, apart from the questions to them: whoever only names them imports no AWS."""

from __future__ import annotations

from enum import Enum


class DeploymentPart(str, Enum):
    """What a deployment is made of."""

    DATABASE = "database"
    CLOUD = "cloud"
    AIRFLOW = "airflow"
