"""Checks: whether the data keep what their contract asks."""
