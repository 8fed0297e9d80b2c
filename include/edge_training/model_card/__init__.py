"""The model card: what a version is, in Markdown and as a page with plots, kept beside its files."""
