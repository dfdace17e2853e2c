#!/bin/bash
set -euo pipefail
# The runfiles hold links into the source tree, which is where the check looks.
exec "$(realpath tests/format/check_format.sh)"
