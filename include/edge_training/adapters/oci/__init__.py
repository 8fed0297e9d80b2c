"""A registry of images that speaks the OCI distribution protocol."""
