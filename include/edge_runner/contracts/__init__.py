"""Data contracts: what they ask of the data."""
