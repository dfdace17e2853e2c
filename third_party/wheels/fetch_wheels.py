"""Keeps pinned wheels unpacked in a folder of the user's cache, out of Bazel's output.

    fetch_wheels.py NAME "torch==2.11.0 --hash=sha256:7aa2..." ...

The folder NAME/unpacked in the project's cache, which is printed, appears only once everything is in
it; its `.complete` holds the requirements it was made from, so that other pins make it anew. Calls
beside each other wait for the first one.
"""

import fcntl
import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile

# pip takes a wheel only under a platform tag it is given by name, older ones are not implied.
PLATFORMS = ["manylinux_2_28", "manylinux_2_27", "manylinux_2_25", "manylinux_2_18", "manylinux2014"]


class FetchError(Exception):
    """What went wrong, in words for the user."""


def cache_folder():
    """The project's folder in the user's cache: it outlives `bazel clean` and serves every clone."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "composer"


def is_complete(folder, requirements):
    stamp = folder / ".complete"
    return stamp.is_file() and stamp.read_text() == requirements


def download(requirements, destination):
    if importlib.util.find_spec("pip") is None:
        raise FetchError(f"{sys.executable} has no pip (Debian's package is python3-pip)")
    list_file = destination / "requirements.txt"
    list_file.write_text(requirements)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
               "--no-cache-dir", "--retries=3", "--no-deps", "--require-hashes",
               # The libraries in the wheel are the same for every Python.
               "--python-version=3.11", "--only-binary=:all:",
               *[f"--platform={name}_x86_64" for name in PLATFORMS],
               f"--dest={destination}", f"--requirement={list_file}"]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode != 0:
        errors = [line for line in result.stdout.splitlines() if line.startswith("ERROR:")]
        reason = " ".join(errors) or result.stdout.strip()
        raise FetchError(f"pip could not download the wheels, is the network there? {reason}")


def unpack(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            path = archive.extract(entry, folder)
            mode = entry.external_attr >> 16
            if mode and not entry.is_dir():  # zipfile forgets that nvcc may be executed
                os.chmod(path, mode & 0o777 | 0o600)


def fetch(folder, requirements):
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_complete(folder, requirements):  # made by a call that held the lock before
            return
        for left_over in folder.parent.glob(f".{folder.name}.new-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        work = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}.new-", dir=folder.parent))
        try:
            (work / "wheels").mkdir()
            (work / "unpacked").mkdir()
            download(requirements, work / "wheels")
            for wheel in sorted((work / "wheels").glob("*.whl")):
                unpack(wheel, work / "unpacked")
                wheel.unlink()
            (work / "unpacked" / ".complete").write_text(requirements)
            if folder.exists():
                folder.rename(work / "replaced")
            (work / "unpacked").rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def provide(folder, requirements, what):
    """Sees to it that the folder is complete; returns what is wrong in words, or None."""
    if is_complete(folder, requirements):
        return None
    print(f"fetching {what}", file=sys.stderr, flush=True)
    try:
        fetch(folder, requirements)
    except (FetchError, OSError, zipfile.BadZipFile) as error:
        return str(error)
    return None


def main(arguments):
    requirements = "".join(f"{line}\n" for line in sorted(arguments[1:]))
    folder = cache_folder() / arguments[0] / "unpacked"
    problem = provide(folder, requirements, arguments[0])
    if problem:
        print(problem, file=sys.stderr)
        return 1
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
