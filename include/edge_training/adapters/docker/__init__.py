"""Docker's engine on the site's VM, through its SSH connection."""
