"""What a bake file says of one target."""

from __future__ import annotations

import json

import pytest

from janitor.inspection.install.bake import BakeError, read_bake

HCL = """
variable "REPOSITORY" { default = "example" }
variable "BASE_IMAGE" {
  default = "nvidia/cuda:12.6.3-runtime-ubuntu24.04"   # a comment
}
/* groups
   come first */
group "default" { targets = ["base", "large"] }
group "all" { targets = ["default"] }
target "base" {
  context = "."
  dockerfile = "docker/Dockerfile"
  target = "base"
  platforms = ["linux/amd64"]
  tags = [notequal("", RELEASE) ? "${REPOSITORY}/x:${RELEASE}" : "", "${REPOSITORY}/x:base"]
  args = { BASE_IMAGE = "${BASE_IMAGE}", MODEL = "base", REFERENCE = BASE_IMAGE, COUNT = 3 }
}
target "large" {
  inherits = ["base"]
  target = "final"
  args = {
    MODEL = "large"
    FAST = true
  }
}
target "odd" {
  args = { WHEN = timestamp() }
}
"""


def read(text: str = HCL, wanted: str | None = None, name: str = "docker-bake.hcl", **variables: str):
    return read_bake(text, name=name, wanted=wanted, variables=variables)


def test_first_target_of_the_default_group_is_the_default():
    target = read()
    assert (target.name, target.context, target.dockerfile, target.stage) == ("base", ".", "docker/Dockerfile", "base")
    base = "nvidia/cuda:12.6.3-runtime-ubuntu24.04"
    assert target.args == {"BASE_IMAGE": base, "MODEL": "base", "REFERENCE": base, "COUNT": "3"}


def test_target_inherits_and_changes():
    target = read(wanted="large")
    assert (target.dockerfile, target.stage) == ("docker/Dockerfile", "final")
    assert (target.args["MODEL"], target.args["FAST"], target.args["COUNT"]) == ("large", "true", "3")


def test_given_variable_goes_before_the_default():
    assert read(BASE_IMAGE="python:3.11").args["BASE_IMAGE"] == "python:3.11"


def test_group_of_groups_leads_to_a_target():
    assert read(wanted="all").name == "base"


def test_json_says_the_same():
    document = {
        "variable": {"BASE": {"default": "python:3.11"}},
        "group": {"default": {"targets": ["one"]}},
        "target": {"one": {"args": {"BASE": "${BASE}"}}},
    }
    target = read(json.dumps(document), name="docker-bake.json")
    assert (target.dockerfile, target.args) == ("Dockerfile", {"BASE": "python:3.11"})


@pytest.mark.parametrize(
    ("text", "wanted", "said"),
    [
        (HCL, "none", "no target 'none'"),
        (HCL, "odd", "can't be evaluated"),
        ('target "x" { args = { A = "${B}" } }', "x", "can't be evaluated"),
        ('target "x" { inherits = ["x"] }', "x", "can't be resolved"),
        ('target "x" { contexts = { a = "b" } }', "x", "not supported"),
        ('variable "a" { default = "${a}" }\ntarget "x" { context = "${a}" }', "x", "can't be evaluated"),
        ('target "x" {', "x", "ends in the middle"),
        ("{" * 5000, None, "not expected"),
        ('target "x" { args = ' + "[" * 5000, "x", "ends|too deep"),
        ('target "a" {}\ntarget "b" {}', None, "no target is declared as default"),
    ],
)
def test_what_is_not_understood_is_said(text, wanted, said):
    with pytest.raises(BakeError, match=said):
        read(text, wanted)


@pytest.mark.parametrize("text", ["[]", "{", '{"target": []}', '{"target": {"a": 1}}', '{"target":' + "[" * 50_000])
def test_json_that_is_no_bake_file_is_refused(text):
    with pytest.raises(BakeError):
        read(text, name="docker-bake.json")
