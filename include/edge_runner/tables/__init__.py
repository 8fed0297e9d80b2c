"""Reads files of tables: what they hold, as one normalised table, or one sentence that names the file."""
