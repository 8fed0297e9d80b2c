"""The site's content-addressed cache: each distinct blob once, whatever uses it."""
