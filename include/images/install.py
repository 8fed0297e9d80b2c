"""Installs the wheels of a build context into a directory. Runs in the build container, which has no network.

Usage: python3 install.py <build directory> <target directory>

What the image below has at the same version is not installed twice.

pip runs from its own wheel, so the base needs none. Tests and headers stay out. Bytecode is compiled here, as
the root file system is read-only later, and marked as always valid, so that it does not depend on the clock.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

SURPLUS_DIRECTORIES = {"tests", "test", "include"}
SURPLUS_SUFFIXES = {".a", ".c", ".cpp", ".h", ".hpp", ".pxd", ".pyi", ".pyx"}


def install(build_dir: Path, target_dir: Path) -> None:
    """Install what requirements.txt names and the image below lacks."""
    missing = [line for line in requirements(build_dir) if not is_installed(line)]
    wheels_dir = build_dir / "wheels"
    (pip_wheel,) = wheels_dir.glob("pip-*.whl")
    command = [sys.executable, str(pip_wheel / "pip"), "install", "--quiet", "--no-index", "--no-deps"]
    command += [
        "--no-compile",
        "--no-cache-dir",
        "--root-user-action",
        "ignore",
        "--find-links",
        str(wheels_dir),
    ]
    command += ["--target", str(target_dir), *missing]
    subprocess.run(command, check=True)


def requirements(build_dir: Path) -> list[str]:
    """The lines `name==version` of requirements.txt."""
    lines = (build_dir / "requirements.txt").read_text().splitlines()
    return [line for line in lines if "==" in line and not line.startswith("#")]


def is_installed(requirement: str) -> bool:
    """Whether the image below has it; another version there would be hidden, not replaced: it is refused."""
    name, _, wanted = requirement.partition("==")
    try:
        present = metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    if present != wanted:
        raise SystemExit(f"{name} {wanted} is wanted, but the image below has {present}: run `make lock`.")
    return True


def prune(target_dir: Path) -> None:
    """Remove what is never imported."""
    for directory, names, files in os.walk(target_dir):
        for name in SURPLUS_DIRECTORIES.intersection(names):
            shutil.rmtree(Path(directory, name))
            names.remove(name)
        for name in files:
            if Path(name).suffix in SURPLUS_SUFFIXES:
                Path(directory, name).unlink()


def compile_bytecode(target_dir: Path) -> None:
    """Compile everything; a file that this Python cannot read (a template, say) is left as it is."""
    compileall.compile_dir(
        target_dir,
        quiet=2,
        workers=os.cpu_count() or 1,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


if __name__ == "__main__":
    target = Path(sys.argv[2])
    install(Path(sys.argv[1]), target)
    prune(target)
    compile_bytecode(target)
