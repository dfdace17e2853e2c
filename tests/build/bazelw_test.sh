#!/bin/bash
# bazelw with a dpkg, an apt, a sudo and a Bazel that only say how they were called.
set -euo pipefail

root=$TEST_TMPDIR/repo
bin=$TEST_TMPDIR/bin
calls=$TEST_TMPDIR/calls
libtorch=$root/third_party/libtorch
mkdir -p "$libtorch" "$root/a/b" "$root/third_party/other" "$bin" "$TEST_TMPDIR/outside"
cp -L bazelw "$root/bazelw"
touch "$root/WORKSPACE" "$root/third_party/other/WORKSPACE"
echo "torch==1" >"$libtorch/wheels.txt"
cat >"$libtorch/provide_libtorch.py" <<'END'
import os, sys
open(os.environ["calls"], "a").write("provide_libtorch\n")
print("/libtorch")
sys.exit(int(os.environ.get("PROVIDE_STATUS", 0)))
END
export PATH=$bin:/usr/bin:/bin BAZEL=$bin/bazel HOME=$TEST_TMPDIR/home calls
unset XDG_CACHE_HOME LIBTORCH_HOME
unpacked=$HOME/.cache/composer/libtorch-1/unpacked
mkdir -p "$unpacked" "$HOME/.cache/composer/libtorch-0/unpacked"
echo "torch==1" >"$unpacked/.complete"
echo "torch==0" >"$HOME/.cache/composer/libtorch-0/unpacked/.complete"

tool() { cat >"$bin/$1" && chmod +x "$bin/$1"; }

tool bazel <<<'#!/bin/bash
echo "bazel in $PWD: $*" >>"$calls"'
tool apt-get <<<'#!/bin/bash
echo "apt-get $*" >>"$calls"; exit ${APT_STATUS:-0}'
tool sudo <<<'#!/bin/bash
echo "sudo $*" >>"$calls"; [[ $SUDO_WORKS == 1 ]] || exit 1; shift; exec "$@"'
tool id <<<'#!/bin/bash
echo "$USER_ID"'
tool dpkg-query <<<'#!/bin/bash
for package in "${@:3}"; do
  [[ " ${MISSING:-} " == *" $package "* ]] || echo "$package installed"
done
[[ " ${REMOVED:-} " == "  " ]] || echo "$REMOVED config-files"
[[ -z ${MISSING:-} ]]'

failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# bazelw ARGUMENTS...: sets `status`, `said` (standard error) and `called`.
bazelw() {
  : >"$calls"
  status=0
  "$root/bazelw" "$@" >"$TEST_TMPDIR/out" 2>"$TEST_TMPDIR/err" </dev/null || status=$?
  said=$(cat "$TEST_TMPDIR/err")
  called=$(cat "$calls")
  [[ ! -s $TEST_TMPDIR/out ]] || fail "standard output is Bazel's alone: $(cat "$TEST_TMPDIR/out")"
}

expect() {  # expect WHAT ACTUAL PATTERN
  # shellcheck disable=SC2053  # the pattern is one
  [[ $2 == $3 ]] || fail "$1: expected '$3', got '$2'"
}

cache=--disk_cache=$HOME/.cache/composer/bazel-disk

cd "$root"
bazelw test //a //b
expect "a command that builds" "$called" "bazel in $root: test $cache*//a //b"
bazelw --output_base /elsewhere --nohome_rc build -k //a
expect "start-up options" "$called" "bazel in $root: --output_base /elsewhere --nohome_rc build $cache*-k //a"
bazelw run //:composer -- test build
expect "a program's arguments" "$called" "bazel in $root: run $cache*//:composer -- test build"
bazelw info output_path
expect "a command that does not build" "$called" "bazel in $root: info output_path"
bazelw query build
expect "an argument like a command" "$called" "bazel in $root: query build"
bazelw
expect "no arguments" "$called" "bazel in $root: "
XDG_CACHE_HOME=/x bazelw build //a
expect "the cache folder" "$called" "provide_libtorch*bazel in $root: build --disk_cache=/x/composer/bazel-disk*//a"
cd "$root/a/b"
bazelw build :c
expect "a folder of the repository" "$called" "bazel in $root/a/b: build * :c"
cd "$root/third_party/other"
bazelw info
expect "another workspace inside" "$called" "bazel in $root: info"
cd "$TEST_TMPDIR/outside"
bazelw info
expect "outside" "$called" "bazel in $root: info"

cd "$root"
LIBTORCH_HOME=/x bazelw build //a
expect "LIBTORCH_HOME is looked at" "$called" "provide_libtorch*bazel *"
PROVIDE_STATUS=1 LIBTORCH_HOME=/x bazelw build //a
expect "status without a LibTorch" "$status $called" "2 provide_libtorch"
rm "$unpacked/.complete"
bazelw info
expect "no LibTorch is needed" "$called" "bazel in $root: info"
bazelw build //a
expect "a cache without LibTorch" "$called" "provide_libtorch*bazel *"
echo "torch==1" >"$unpacked/.complete"

export MISSING="zlib1g-dev libabsl-dev"
USER_ID=1000 SUDO_WORKS=0 bazelw build //a
expect "status without rights" "$status" 2
expect "the command to run" "$said" \
  "*sudo apt-get update && sudo apt-get install -y --no-install-recommends libabsl-dev zlib1g-dev*"
expect "called without rights" "$called" "sudo -n true"

USER_ID=1000 SUDO_WORKS=1 bazelw build //a
expect "status with sudo" "$status" 0
expect "called with sudo" "$called" \
  "sudo -n true*apt-get * update*apt-get * install -y * libabsl-dev zlib1g-dev*bazel * build *"

USER_ID=0 SUDO_WORKS=0 bazelw build //a
expect "status as root" "$status" 0
expect "called as root" "$called" \
  "apt-get * update*apt-get * install -y * libabsl-dev zlib1g-dev*bazel * build *"
[[ $called != *sudo* ]] || fail "root needs no sudo: $called"

USER_ID=0 APT_STATUS=100 bazelw build //a
expect "status when apt fails" "$status" 2
expect "words when apt fails" "$said" "*apt-get failed*sudo apt-get update && *"
[[ $called != *bazel* ]] || fail "no build without packages: $called"

MISSING="clang-14 libclang-rt-14-dev" USER_ID=0 bazelw build --config=fuzz //a
expect "a fuzzer's packages" "$called" "*apt-get * install -y * clang-14 libclang-rt-14-dev*bazel *"
MISSING="clang-14 libclang-rt-14-dev" USER_ID=0 bazelw run //a -- --config=fuzz
expect "no fuzzer, no clang" "$called" "bazel * run * //a -- --config=fuzz"

# Removed, but dpkg still knows its configuration.
MISSING="git" REMOVED=git USER_ID=0 bazelw build //a
expect "a removed package" "$called" "*apt-get * install -y * git*"

exit $((failures > 0))
