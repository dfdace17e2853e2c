#!/bin/bash
# What LIBTORCH_HOME may name, and the words in which the rest is refused.
set -euo pipefail

check=third_party/libtorch/check_libtorch.py
home=$TEST_TMPDIR/libtorch
failures=0

# libtorch VERSION LIBRARY: a folder that looks like a LibTorch.
libtorch() {
  rm -rf "$home"
  mkdir -p "$home/include/ATen" "$home/include/torch" "$home/lib"
  touch "$home/include/ATen/ATen.h" "$home/lib/libtorch_cpu.so"
  printf '#define TORCH_VERSION \\\n  "%s"\n' "$1" >"$home/include/torch/version.h"
  cp "$2" "$home/lib/libc10.so"
}

expect() {  # expect WORDS [FOLDER]: refused with these words; accepted where there are none.
  local said status=0
  said=$(python3 "$check" "${2:-$home}" 2.11.0 2>&1) || status=$?
  if [[ -z $1 ]]; then
    [[ $status == 0 && -z $said ]] || { echo "refused: $said"; failures=$((failures + 1)); }
  elif [[ $status != 1 || $said != *"$1"* || $(wc -l <<<"$said") != 1 ]]; then
    echo "expected '$1', got $status: $said"
    failures=$((failures + 1))
  fi
}

# libc10 exports functions that take std::string. This one has the C++11 ABI's name of it...
cxx11=$TEST_TMPDIR/cxx11.so
{ head -c 4096 /bin/true; echo '_ZN3c105ErrorC1ENSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE'; } >"$cxx11"
# ...and this one the old ABI's.
old=$TEST_TMPDIR/old.so
{ head -c 4096 /bin/true; echo '_ZN3c105ErrorC1ESs'; } >"$old"

libtorch 2.11.0 "$cxx11" && expect ''
libtorch 2.11.1+cpu "$cxx11" && expect ''
libtorch 2.10.0 "$cxx11" && expect 'is LibTorch 2.10.0, but the project is written for 2.11'
libtorch 2.1.10 "$cxx11" && expect 'is LibTorch 2.1.10'
libtorch 2.11.0 "$old" && expect 'C++ ABI from before C++11'
libtorch 2.11.0 /dev/null && expect 'built for no ELF file'
libtorch 2.11.0 "$cxx11" && printf '\xf3' | dd of="$home/lib/libc10.so" bs=1 seek=18 conv=notrunc status=none
expect 'is built for riscv, this machine is'
libtorch 2.11.0 "$cxx11" && rm "$home/include/torch/version.h" && expect 'does not say which version'
echo 2.11.0+cu130 >"$home/build-version" && expect ''
libtorch 2.11.0 "$cxx11" && rm "$home/lib/libtorch_cpu.so" && expect 'lib/libtorch_cpu.so is missing'
expect 'is not a folder' "$TEST_TMPDIR/nothing"
expect 'no absolute path' some/folder

exit $((failures > 0))
