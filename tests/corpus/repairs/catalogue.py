"""All cases."""

from __future__ import annotations

from tests.corpus.repairs.case import RepairCase
from tests.corpus.repairs.code import CODE_CASES
from tests.corpus.repairs.dockerfiles import DOCKERFILES
from tests.corpus.repairs.documents import DOCUMENTS
from tests.corpus.repairs.packages import PACKAGES

CASES: tuple[RepairCase, ...] = (*DOCUMENTS, *DOCKERFILES, *PACKAGES, *CODE_CASES)
