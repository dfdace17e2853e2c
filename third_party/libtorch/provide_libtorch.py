"""Prints the folder of the LibTorch to build with, fetched first where it must be.

LIBTORCH_HOME names an unpacked LibTorch, which is checked; without it, it is the wheels of wheels.txt
in the user's cache. What is wrong is said in one message on standard error, with exit status 1.
"""

import os
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "wheels")]
sys.dont_write_bytecode = True  # the source tree is no place for it

import check_libtorch  # noqa: E402
import fetch_wheels  # noqa: E402


def main():
    requirements = (HERE / "wheels.txt").read_text()
    version = re.search(r"^torch==(\S+)", requirements, re.MULTILINE).group(1)
    home = os.environ.get("LIBTORCH_HOME", "")
    if home:
        problem = check_libtorch.problem_with(pathlib.Path(home), version)
        if problem:
            print(f"LIBTORCH_HOME: {problem}", file=sys.stderr)
            return 1
        print(home)
        return 0
    folder = fetch_wheels.cache_folder() / f"libtorch-{version}" / "unpacked"
    problem = fetch_wheels.provide(
        folder, requirements, f"LibTorch {version}, 530 MB, once for a user")
    if problem:
        print(f"LibTorch: {problem}\n"
              "Without a network, set LIBTORCH_HOME to an unpacked LibTorch "
              f"{version}: a folder with include/ and lib/, such as\n"
              "the `torch` folder of a Python environment or an unpacked libtorch archive.",
              file=sys.stderr)
        return 1
    print(folder / "torch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
