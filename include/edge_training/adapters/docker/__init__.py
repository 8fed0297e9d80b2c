"""Docker's engine on a site's VM over one shared SSH connection, and what the site is."""
