"""What the part `snapshot` measures, and on what."""
