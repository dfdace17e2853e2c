#!/bin/bash
# Does the check find what it is there for?
set -euo pipefail

check=$PWD/tests/format/check_format.sh
folder=$TEST_TMPDIR/tree
mkdir -p "$folder"
printf 'BasedOnStyle: Google\nDerivePointerAlignment: false\n' >"$folder/.clang-format"

failures=0

# expect NAME WORDS CONTENT: a tree with that one file is refused with these words; no words: passes.
expect() {
  local name=$1 words=$2 output
  printf '%b' "$3" >"$folder/$name"
  if output=$("$check" "$folder" 2>&1); then
    [[ -z $words ]] || { echo "accepted: $name '$3'"; failures=$((failures + 1)); }
  elif [[ -z $words || $output != *"$words"* ]]; then
    echo "$name '$3': expected '$words', got: $output"
    failures=$((failures + 1))
  fi
  rm "$folder/$name"
}

expect good.cc '' 'int main() { return 0; }\n'
expect bad.cc 'code should be clang-formatted' 'int main( ) {return 0;}\n'
expect bad.h 'code should be clang-formatted' 'int *f();\n'
expect kernel.cu 'code should be clang-formatted' 'int  f();\n'
expect torch.h 'torch/torch.h is not included here' '#include <torch/torch.h>\n'
expect good.h '' '#include <torch/types.h>\n'
expect BUILD.bazel 'tab' 'cc_library(\n\tname = "x")\n'
expect x.proto 'space at the end of the line' 'syntax = "proto2"; \n'
expect x.md 'no newline at the end' 'text'
expect image.bin 'no source files' 'x'

exit $((failures > 0))
