"""Says in words why a folder is no LibTorch that this project can use; silent where it is one.

    check_libtorch.py FOLDER VERSION
"""

import pathlib
import re
import struct
import sys

# ELF's e_machine, by the name that the compiler's machine goes by.
MACHINES = {62: "x86-64", 183: "aarch64", 3: "x86", 40: "arm", 243: "riscv"}


def elf_machine(content):
    if content[:4] != b"\x7fELF":
        return "no ELF file"
    number = struct.unpack_from("<H", content, 18)[0]
    return MACHINES.get(number, f"machine {number}")


def version_of(home):
    """From the headers, which the code is compiled against, else from the archive's own note."""
    for name in ["torch/headeronly/version.h", "torch/version.h",
                 "torch/csrc/api/include/torch/version.h"]:
        header = home / "include" / name
        if header.is_file():
            found = re.search(r'#define TORCH_VERSION\s*(?:\\\s*)?"([^"]+)"', header.read_text())
            if found:
                return found.group(1)
    note = home / "build-version"
    return note.read_text().strip() if note.is_file() else None


def problem_with(home, wanted):
    if not home.is_absolute():
        return f"{home} is no absolute path, and Bazel works in a folder of its own"
    if not home.is_dir():
        return f"{home} is not a folder"
    for name in ["include/ATen/ATen.h", "lib/libc10.so", "lib/libtorch_cpu.so"]:
        if not (home / name).is_file():
            return f"{home} holds no LibTorch: {name} is missing"
    version = version_of(home)
    if version is None:
        return f"{home} does not say which version of LibTorch it holds"
    series = ".".join(wanted.split(".")[:2])
    if version.split("+")[0].split(".")[:2] != wanted.split(".")[:2]:
        return f"{home} is LibTorch {version}, but the project is written for {series} ({wanted})"

    # libc10 is small, and both parts of LibTorch are always built alike.
    content = (home / "lib/libc10.so").read_bytes()
    machine = elf_machine(content)
    here = elf_machine(pathlib.Path(sys.executable).resolve().read_bytes())
    if machine != here:
        return f"{home} is built for {machine}, this machine is {here}"
    if b"NSt7__cxx1112basic_string" not in content:
        return (f"{home} is built with the C++ ABI from before C++11 (_GLIBCXX_USE_CXX11_ABI=0), "
                "which cannot be linked with Debian's libraries; take the distribution with the "
                "C++11 ABI")
    return None


def main(arguments):
    home, wanted = arguments
    problem = problem_with(pathlib.Path(home), wanted)
    if problem is None:
        return 0
    print(problem, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
