"""What a trigger may ask for: unknown keys are refused with the known ones."""

from __future__ import annotations

import pytest

from janitor.domain.run_conf import RUN_KEYS, unknown_keys
from janitor.orchestration.params import run_params


@pytest.mark.parametrize("conf", [None, {}, {"config_path": "x.yaml"}, dict.fromkeys(RUN_KEYS)])
def test_known_keys_are_taken(conf: dict[str, object] | None) -> None:
    assert unknown_keys(conf) is None


@pytest.mark.parametrize(
    ("conf", "named"),
    [
        ({"config": "x.yaml"}, "unknown key in the run's conf: 'config' (did you mean config_path?); known: "),
        ({"repo": "a", "repository": "a"}, "'repo' (did you mean repository?)"),
        ({"zzz": 1, "config_path": "x"}, "unknown key in the run's conf: 'zzz'; known: "),
        ({"CONFIG_PATH": "x", "timeout": 3}, "unknown keys in the run's conf: 'CONFIG_PATH', 'timeout' (did you mean"),
        ({"": "x"}, "unknown key in the run's conf: ''; known: "),
    ],
)
def test_an_unknown_key_is_named_with_the_known_ones(conf: dict[str, object], named: str) -> None:
    refusal = unknown_keys(conf)
    assert refusal is not None
    assert named in refusal
    assert refusal.endswith(f"known: {', '.join(RUN_KEYS)}. Nothing was launched")
    assert "\n" not in refusal


def test_the_form_has_these_keys() -> None:
    assert tuple(run_params("workers.yaml")) == RUN_KEYS
