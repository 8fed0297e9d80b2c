"""What can go wrong with the local site; each class stands for one remedy.

LocalSiteError
├── PackagesMissing   run the apt line it prints
├── PortTaken         free the port, or set EDGE_PORT_BASE
├── DockerUnusable    start Docker, or set EDGE_DOCKER=own as root
├── StartFailed       read the log file it names
├── BuildFailed       read the log file it names
├── SettingInvalid    correct the environment variable it names
└── SiteNotUp         run `make site`
"""

from __future__ import annotations


class LocalSiteError(Exception):
    """One sentence that names the remedy."""


class PackagesMissing(LocalSiteError):
    """Debian packages are needed and cannot be installed from here."""


class PortTaken(LocalSiteError):
    """Something that is not ours listens on a port of the site."""


class DockerUnusable(LocalSiteError):
    """No Docker engine that the site could use."""


class StartFailed(LocalSiteError):
    """A part of the site ended, or did not become healthy in time."""


class BuildFailed(LocalSiteError):
    """A download, an environment or an image could not be made."""


class SettingInvalid(LocalSiteError):
    """An environment variable holds what cannot be used."""


class SiteNotUp(LocalSiteError):
    """The state directory holds no running site."""
