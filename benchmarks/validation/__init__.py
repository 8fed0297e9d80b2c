"""Programs that validate the same data, each a process of its own, and what they share."""
