"""All cases; those of real files only where these are."""

from __future__ import annotations

from tests.corpus.repairs.case import RepairCase
from tests.corpus.repairs.code import CODE_CASES
from tests.corpus.repairs.dockerfiles import DOCKERFILES
from tests.corpus.repairs.documents import DOCUMENTS
from tests.corpus.repairs.packages import PACKAGES
from tests.corpus.repairs.real import real_cases

CASES: tuple[RepairCase, ...] = (*DOCUMENTS, *DOCKERFILES, *PACKAGES, *CODE_CASES, *real_cases())
