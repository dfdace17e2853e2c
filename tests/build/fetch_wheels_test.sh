#!/bin/bash
# The cache of unpacked wheels, with a wheel made here and pip kept from the network.
set -euo pipefail

script=third_party/wheels/fetch_wheels.py
links=$TEST_TMPDIR/links
export XDG_CACHE_HOME=$TEST_TMPDIR/cache
cache=$XDG_CACHE_HOME/composer
export HOME=$TEST_TMPDIR PIP_NO_INDEX=1 PIP_CONFIG_FILE=/dev/null
mkdir -p "$links"

python3 - "$links/demo-1.0-py3-none-any.whl" <<'END'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    program = zipfile.ZipInfo("demo/bin/program")
    program.external_attr = 0o100755 << 16
    wheel.writestr(program, "#!/bin/sh\n")
    for i in range(200):
        wheel.writestr(f"demo/data/{i}", str(i) * 1000)
    wheel.writestr("demo-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
    wheel.writestr("demo-1.0.dist-info/WHEEL",
                   "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("demo-1.0.dist-info/RECORD", "")
END
sum=$(sha256sum "$links/demo-1.0-py3-none-any.whl" | cut -d ' ' -f 1)
demo="demo==1.0 --hash=sha256:$sum"

failures=0
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
fetch() { PIP_FIND_LINKS=$links /usr/bin/python3 "$script" "$@" >/dev/null; }
complete() {  # complete FOLDER
  [[ -x $1/demo/bin/program && $(find "$1/demo/data" -type f | wc -l) == 200 && -f $1/.complete ]] ||
    fail "$1 is not complete"
  [[ -z $(find "${1%/*}" -name '*.new-*') ]] || fail "something is left over beside $1"
}
refused() {  # refused WORDS COMMAND...
  local said status=0
  said=$("${@:2}" 2>&1) || status=$?
  [[ $status == 1 && $said == *"$1"* && $said != *Traceback* ]] || fail "expected '$1', got $status: $said"
}

fetch one "$demo" || fail "a first fetch"
complete "$cache/one/unpacked"

rm "$cache/one/unpacked/demo/data/7"
PIP_FIND_LINKS='' /usr/bin/python3 "$script" one "$demo" || fail "a second one needs no pip"
[[ ! -e $cache/one/unpacked/demo/data/7 ]] || fail "the second one fetched again"

# As an unpacking that was killed leaves it, and one that was killed under its other name.
mkdir -p "$cache/half/unpacked/demo" "$cache/half/.unpacked.new-killed/unpacked"
fetch half "$demo" || fail "a half-unpacked folder"
complete "$cache/half/unpacked"

echo "demo==0.9 --hash=sha256:00" >"$cache/one/unpacked/.complete"
fetch one "$demo" || fail "other pins"
complete "$cache/one/unpacked"
[[ -e $cache/one/unpacked/demo/data/7 ]] || fail "other pins are fetched anew"

pids=()
for _ in 1 2 3; do
  fetch together "$demo" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of several at a time"; done
complete "$cache/together/unpacked"

refused "is the network there" env PIP_FIND_LINKS= /usr/bin/python3 "$script" none "$demo"
refused "pip could not download" fetch none "demo==1.0 --hash=sha256:${sum//[0-7]/8}"
[[ ! -e $cache/none/unpacked ]] || fail "a wheel with another sum was unpacked"
# -S: without the folder that pip is in.
refused "has no pip" /usr/bin/python3 -S "$script" none "$demo"

exit $((failures > 0))
