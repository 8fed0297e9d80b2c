"""Fault injection: the real pipeline on a real site, broken on purpose, one declared fault at a time."""
