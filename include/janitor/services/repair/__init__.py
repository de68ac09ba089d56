"""Repairs a failure: recipes propose, the gate refuses, and experiments prove."""
