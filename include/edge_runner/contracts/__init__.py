"""Data contracts: what they ask, and whether the data keep it."""
