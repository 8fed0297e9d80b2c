"""The SSH connection to a site's VM, and what is kept there as files."""
