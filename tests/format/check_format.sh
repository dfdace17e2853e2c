#!/bin/bash
# Checks the form of every source file of a tree; prints what is wrong, exits 1 where anything is.
#
#   check_format.sh [FOLDER]      (the repository by default)
#
# This puts it right, as far as a program can:
#   git ls-files '*.h' '*.cc' '*.cu' | xargs clang-format-14 -i
set -euo pipefail

folder=${1:-$(dirname "$(realpath "$0")")/../..}
cd "$folder"

# git knows what belongs to the tree, files not yet added included; a source archive has no git.
# A tree that belongs to someone else, as in a container, is read all the same.
if git -c safe.directory='*' rev-parse --is-inside-work-tree >/dev/null 2>&1; then
  list=(git -c safe.directory='*' ls-files -z --cached --others --exclude-standard)
else
  list=(find . -type f -not -path './bazel-*' -printf '%P\0')
fi

code=()
text=()
while IFS= read -r -d '' file; do
  [[ -f $file ]] || continue
  case $file in
    *.h | *.cc | *.cu | *.cuh) code+=("$file") text+=("$file") ;;
    *.proto | *.bzl | *BUILD | *BUILD.bazel | WORKSPACE | *.py | *.sh | *.md) text+=("$file") ;;
    bazelw | .bazelrc | .ci/run) text+=("$file") ;;
  esac
done < <("${list[@]}")

if ((${#text[@]} == 0)); then
  echo "no source files in $PWD"
  exit 1
fi

status=0
complain() {
  local found
  if found=$(grep -nHE "$2" -- "${@:3}" 2>/dev/null); then
    printf '%s\n' "$1:" "$found"
    status=1
  fi
}

if ((${#code[@]} > 0)); then
  clang-format-14 --dry-run -Werror "${code[@]}" || status=1
  # 14 to 24 seconds of compile time a file; ATen/ATen.h and torch/nn/... say what is used.
  complain "torch/torch.h is not included here" '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]torch/torch\.h' "${code[@]}"
fi
complain "tab" $'\t' "${text[@]}"
complain "space at the end of the line" '[[:space:]]$' "${text[@]}"
for file in "${text[@]}"; do
  if [[ -s $file && -n $(tail -c 1 -- "$file") ]]; then
    echo "$file: no newline at the end of the file"
    status=1
  fi
done
exit $status
