"""A place is what the cloud says of who calls, and where it was asked."""

from __future__ import annotations

import pickle

import pytest

from janitor.domain.errors import WrongPlaceError
from janitor.domain.place import Place

USER = "arn:aws:iam::123456789012:user/somebody"
LOCAL = "arn:aws:iam::123456789012:user/localcloud/0123456789abcdef"


@pytest.mark.parametrize(
    ("endpoint_url", "caller_arn", "cloud"),
    [
        ("https://ec2.us-east-1.amazonaws.com", USER, "aws"),
        ("https://vpce-0a1b.ec2.us-east-1.vpce.amazonaws.com", USER, "aws"),
        ("https://ec2.us-east-1.api.aws", "arn:aws:sts::123456789012:assumed-role/r/s", "aws"),
        ("https://ec2.cn-north-1.amazonaws.com.cn", USER.replace("arn:aws:", "arn:aws-cn:"), "aws-cn"),
        ("https://ec2.us-gov-west-1.amazonaws.com", USER.replace("arn:aws:", "arn:aws-us-gov:"), "aws-us-gov"),
        # Another port, another address: the same local cloud.
        ("http://127.0.0.1:4566", LOCAL, "localcloud-0123456789abcdef"),
        ("http://127.0.0.1:9999", LOCAL, "localcloud-0123456789abcdef"),
        # Emulators share account numbers: the endpoint is all that tells them apart.
        ("http://127.0.0.1:4566", "arn:aws:iam::000000000000:root", "http://127.0.0.1:4566"),
        ("http://LocalStack:4566/", "arn:aws:iam::000000000000:root", "http://localstack:4566"),
        # Names that only look like AWS's, and a caller at AWS that only looks like ours.
        ("https://ec2.us-east-1.amazonaws.com.example.org", USER, "https://ec2.us-east-1.amazonaws.com.example.org"),
        ("https://notamazonaws.com", USER, "https://notamazonaws.com"),
        ("https://ec2.us-east-1.amazonaws.com", LOCAL, "aws"),
    ],
)
def test_the_cloud_is_told_by_evidence(endpoint_url: str, caller_arn: str, cloud: str) -> None:
    place = Place.found(endpoint_url=endpoint_url, caller_arn=caller_arn, account="123456789012", region="us-east-1")
    assert place.cloud == cloud
    assert Place.parse(place.key) == place


def test_account_and_region_belong_to_it() -> None:
    place = Place(cloud="aws", account="1", region="us-east-1")
    assert place.key == str(place) == "aws/1/us-east-1"
    assert place != Place(cloud="aws", account="2", region="us-east-1")
    assert place != Place(cloud="aws", account="1", region="eu-west-1")


@pytest.mark.parametrize("text", ["", "aws", "aws/1", "/1/us-east-1", "aws//us-east-1", "aws/1/"])
def test_what_names_no_place_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cloud/account/region"):
        Place.parse(text)


def test_a_wrong_place_names_both_and_crosses_processes() -> None:
    error = WrongPlaceError("10 live rows are", ["aws/1/us-east-1"], "aws/1/eu-west-1")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    for word in ("10 live rows are in aws/1/us-east-1", "this looks at aws/1/eu-west-1", "nothing was changed"):
        assert word in str(error)
    for cause in ("JANITOR_REGION", "AWS_PROFILE", "JANITOR_AWS_ENDPOINT_URL", "stack.env"):
        assert cause in str(error)
