"""Handlers: what the SDK's exit codes hide, and what they make look worse than it is."""

from __future__ import annotations

from tests.corpus.case import about
from tests.corpus.handler_answers import LOOK_BAD, LOOK_GOOD, SETTLED
from tests.corpus.handler_conventions import CONVENTIONS
from tests.corpus.handler_elsewhere import ELSEWHERE
from tests.corpus.handler_endings import ENDINGS
from tests.corpus.handler_failing import FAILING, UNTESTED
from tests.corpus.handler_kinds import KINDS
from tests.corpus.handler_outputs import OUTPUTS
from tests.corpus.handler_packages import PACKAGES
from tests.corpus.handler_places import PLACES
from tests.corpus.handler_provision import PROVISION
from tests.corpus.handler_real_path import REAL_PATH
from tests.corpus.handler_sdks import SDKS
from tests.corpus.handler_starts import STARTS
from tests.corpus.handler_surroundings import SURROUNDINGS
from tests.corpus.handler_working import WORKING
from tests.corpus.handler_world import WORLD

HANDLERS = (
    *about("handler: works", WORKING),
    *about("handler: fails", FAILING),
    *about("handler: nothing tests it", UNTESTED),
    *about("handler: the world around it", WORLD),
    *about("handler: kinds of handler", KINDS),
    *about("output: what comes back", OUTPUTS),
    *about("output: bad answers that look good", LOOK_GOOD),
    *about("output: good answers that look bad", LOOK_BAD),
    *about("output: the author's word", SETTLED),
    *about("handler: how it ends", ENDINGS),
    *about("handler: the place it runs in", PLACES),
    *about("handler: elsewhere alone", ELSEWHERE),
    *about("packages: can't be had", PACKAGES),
    *about("output: conventions of failing", CONVENTIONS),
    *about("handler: releases of the SDK", SDKS),
    *about("handler: how it is started", STARTS),
    *about("handler: the real path", REAL_PATH),
    *about("handler: surroundings", SURROUNDINGS),
    *about("image: its programs, packages and RUN lines", PROVISION),
)
