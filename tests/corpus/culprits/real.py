"""Releases that really broke what asks for them without a bound, with the days before and after."""

from __future__ import annotations

from tests.corpus.culprits.case import CulpritCase

REAL = (
    CulpritCase(
        name="real_werkzeug_3",
        holds="Flask 2.2 asks for Werkzeug without an upper bound; version 3 has no url_quote",
        app="import flask\n",
        requirements="flask==2.2.2\n",
        then_date="2023-09-20",
        now_date="2023-10-05",
        culprits=(frozenset({"Werkzeug"}), frozenset({"werkzeug"})),
    ),
    CulpritCase(
        name="real_numpy_2",
        holds="numpy 2 has no float_",
        app="import numpy\nassert numpy.float_(1) == 1\n",
        requirements="numpy>=1.26\npackaging\nidna\n",
        then_date="2024-06-10",
        now_date="2024-06-25",
        culprits=(frozenset({"numpy"}),),
    ),
    CulpritCase(
        name="real_markupsafe_2_1",
        holds="Jinja2 2.11 asks for MarkupSafe without an upper bound; 2.1 has no soft_unicode",
        app="import flask\n",
        requirements="flask==1.1.4\n",
        then_date="2022-02-15",
        now_date="2022-02-20",
        culprits=(frozenset({"MarkupSafe"}), frozenset({"markupsafe"})),
    ),
    CulpritCase(
        name="real_pydantic_2",
        holds="pydantic 2 has no BaseSettings",
        app="from pydantic import BaseSettings\n",
        requirements="pydantic\nrequests\n",
        then_date="2023-06-29",
        now_date="2023-07-20",
        culprits=(frozenset({"pydantic"}), frozenset({"pydantic", "pydantic_core"})),
    ),
)
