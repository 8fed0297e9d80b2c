"""Where a model comes from and where it went: written as tags of its version, read back as one chain."""
