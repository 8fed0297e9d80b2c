"""The site's blob store, read over plain HTTP."""
