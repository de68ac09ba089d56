"""The prices file: what is known, what isn't, and every problem with its line."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from janitor.domain.errors import SettingsError
from janitor.domain.money.prices import parse_prices
from janitor.services.money.price_files import load_prices
from janitor.settings import Settings, load_settings

REGIONS = """
regions:
  us-east-1:
    gp3_usd_gib_month: 0.08
    instances_usd_hour: {g5.xlarge: 1.006}
"""


@pytest.fixture
def shipped() -> Settings:
    """Settings of the local environment as it is shipped."""
    return load_settings("local", environ={})


def test_the_shipped_file_is_whole(shipped: Settings) -> None:
    prices = load_prices(shipped)
    assert prices.source == "infra/prices.yaml"
    for instance_type, usd_hour in (
        ("g4dn.xlarge", "0.526"),
        ("g5.xlarge", "1.006"),
        ("g5.2xlarge", "1.212"),
        ("g6.xlarge", "0.8048"),
        ("g6.2xlarge", "0.9776"),
        ("g6e.xlarge", "1.861"),
        ("p5.48xlarge", "55.04"),
        ("t3.medium", "0.0416"),
    ):
        assert prices.instance_usd_hour("us-east-1", instance_type) == Decimal(usd_hour)
    assert prices.volume_usd_gib_month("us-east-1") == Decimal("0.08")


def test_what_is_not_listed_is_unknown() -> None:
    prices = parse_prices(REGIONS, source="prices.yaml")
    assert prices.instance_usd_hour("us-east-1", "g5.2xlarge") is None
    assert prices.instance_usd_hour("eu-west-1", "g5.xlarge") is None
    assert prices.volume_usd_gib_month("eu-west-1") is None


def test_other_regions_may_have_a_factor() -> None:
    prices = parse_prices(f"other_regions: {{like: us-east-1, factor: 1.5}}\n{REGIONS}", source="prices.yaml")
    assert prices.instance_usd_hour("eu-west-1", "g5.xlarge") == Decimal("1.509")
    assert prices.instance_usd_hour("eu-west-1", "g6.xlarge") is None
    assert prices.volume_usd_gib_month("eu-west-1") == Decimal("0.12")
    assert prices.instance_usd_hour("us-east-1", "g5.xlarge") == Decimal("1.006")


def test_every_problem_has_its_line() -> None:
    text = """other_regions: {like: eu-west-1, factor: -1}
other_regons: 1
regions:
  us_east:
    gp3_usd_gib_month: cheap
    instances_usd_hour:
      g5.xlarge: 0
      large: 1
      g6.xlarge: 1:30
  us-east-1:
    gp3_usd_gib_month: .nan
"""
    with pytest.raises(SettingsError) as error:
        parse_prices(text, source="prices.yaml")
    assert str(error.value).splitlines() == [
        "the prices can't be used:",
        "  prices.yaml:1: other_regions.like: must be one of the regions of this file",
        "  prices.yaml:1: other_regions.factor: must be a number above 0 and up to 10,000",
        "  prices.yaml:2: other_regons: unknown key (did you mean other_regions?)",
        "  prices.yaml:4: regions.us_east: is not the name of an AWS region (such as us-east-1)",
        "  prices.yaml:5: regions.us_east.gp3_usd_gib_month: must be a number above 0 and up to 10,000",
        "  prices.yaml:7: regions.us_east.instances_usd_hour.g5.xlarge: must be a number above 0 and up to 10,000",
        "  prices.yaml:8: regions.us_east.instances_usd_hour.large: is not an instance type (such as g5.xlarge)",
        "  prices.yaml:9: regions.us_east.instances_usd_hour.g6.xlarge: is not a plain number",
        "  prices.yaml:10: regions.us-east-1.instances_usd_hour: is missing",
        "  prices.yaml:11: regions.us-east-1.gp3_usd_gib_month: must be a number above 0 and up to 10,000",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a mapping with `regions`"),
        ("- a list\n", "must be a mapping with `regions`"),
        ("regions: {}\n", "regions: lists no region"),
        ("other_regions: unknown\n", "regions: is missing"),
        ("regions: [\n", "is not valid YAML"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (f"other_regions: guess\n{REGIONS}", "other_regions: must be `unknown` or name a region and a factor"),
        (
            f"other_regions: {{like: [us-east-1], factor: 1}}\n{REGIONS}",
            "other_regions.like: must be one of the regions",
        ),
        (REGIONS + REGIONS, "regions: stands twice"),
    ],
)
def test_what_can_not_be_used_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(SettingsError, match=r"prices\.yaml") as error:
        parse_prices(text, source="prices.yaml")
    assert said in str(error.value)


def test_a_missing_file_says_which_setting(shipped: Settings, tmp_path: Path) -> None:
    settings = shipped.model_copy(update={"prices_file": tmp_path / "none.yaml"})
    with pytest.raises(SettingsError, match="JANITOR_PRICES_FILE"):
        load_prices(settings)
