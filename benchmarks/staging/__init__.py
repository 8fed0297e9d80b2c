"""Staging beside rclone: a static server, and the step as a program."""
