"""Limits of the configuration that other code needs without loading its models."""

MAX_TIMEOUT_MINUTES = 2_880
"""48 hours: SSM lets a command run at most 172,800 s. Source: AWS-RunShellScript, `executionTimeout`."""
MAX_GRACE_MINUTES = 60
MAX_CONCURRENT_INSTANCES = 1_000
"""Above the default EC2 quotas of any account."""
