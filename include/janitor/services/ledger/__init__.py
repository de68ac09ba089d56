"""Keeping the ledger equal to what EC2 says."""
