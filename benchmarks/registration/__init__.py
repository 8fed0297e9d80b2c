"""Registering a bundle beside plain uploads of the same files: a server, a bundle, and programs."""
