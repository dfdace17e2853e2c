#!/bin/bash
# The closing line of .ci/run, from build events and test.xml files as Bazel writes them.
set -euo pipefail

folder=$TEST_TMPDIR
events=$folder/events.json
failures=0

configured() {
  for label in "$@"; do
    echo '{"id":{"targetConfigured":{"label":"'"$label"'"}},"configured":{"targetKind":"cc_test rule","testSize":"SMALL"}}'
  done
}
completed() { echo '{"id":{"targetCompleted":{"label":"'"$1"'"}},"completed":{'"$2"'}}'; }
# result LABEL STATUS XML [ATTEMPT [SHARD]]
result() {
  local xml
  xml=$(mktemp "$folder/test xml.XXXX")  # a path that a URI has to quote
  echo "$3" >"$xml"
  echo '{"id":{"testResult":{"label":"'"$1"'","run":1,"shard":'"${5:-1}"',"attempt":'"${4:-1}"'}},"testResult":{"status":"'"$2"'","testActionOutput":[{"name":"test.log","uri":"file:///none"},{"name":"test.xml","uri":"file://'"${xml// /%20}"'"}]}}'
}
expect() {  # expect STATUS LAST_LINE BAZELS_STATUS
  local said status=0
  said=$(python3 .ci/report.py "$events" "$3") || status=$?
  if [[ $status != "$1" || $(tail -n 1 <<<"$said") != "$2" ]]; then
    echo "FAILED: expected $1, '$2'; got $status: $said"
    failures=$((failures + 1))
  fi
}

pass='<testcase name="A" status="run" result="completed" classname="T"/>'
skip='<testcase name="S" status="run" result="skipped" classname="T"><skipped message=""/></testcase>'
fail='<testcase name="F" classname="T"><failure message="1 != 2"/></testcase>'
xml() { echo "<testsuites><testsuite>$*</testsuite></testsuites>"; }

{ configured //a:a //b:b; completed //a:a '"success":true'; result //a:a PASSED "$(xml "$pass$pass")"
  result //b:b PASSED "$(xml "$pass")"; } >"$events"
expect 0 "3 passed, 0 failed" 0

{ configured //a:a; result //a:a PASSED "$(xml "$pass$skip")"; } >"$events"
expect 0 "1 passed, 0 failed, 1 skipped" 0

{ configured //a:a; result //a:a FAILED "$(xml "$pass$fail")"; } >"$events"
expect 1 "1 passed, 1 failed" 3

# It crashed after its cases, or before it wrote any.
{ configured //a:a; result //a:a FAILED "$(xml "$pass")"; } >"$events"
expect 1 "1 passed, 1 failed" 3
{ configured //a:a; result //a:a TIMEOUT "not xml"; } >"$events"
expect 1 "0 passed, 1 failed" 3

# A test that was not built, beside one that passed; a library that was not built; no build at all.
{ configured //a:a //b:b; completed //a:a '"failureDetail":{}'; result //b:b PASSED "$(xml "$pass")"; } >"$events"
expect 1 "1 passed, 1 failed" 1
{ configured //b:b; completed //a:library ''; result //b:b PASSED "$(xml "$pass")"; } >"$events"
expect 1 "1 passed, 1 failed" 1
: >"$events"
expect 1 "0 passed, 1 failed" 1
expect 1 "0 passed, 1 failed" 0

# What is not for this configuration: a library, and a test.
skipped='"id":{"targetCompleted":{"label":"//c:c"}},"aborted":{"reason":"SKIPPED"}'
{ configured //a:a; result //a:a PASSED "$(xml "$pass")"; echo "{$skipped}"; } >"$events"
expect 0 "1 passed, 0 failed" 0
{ configured //a:a //c:c; result //a:a PASSED "$(xml "$pass")"; echo "{$skipped}"; } >"$events"
expect 0 "1 passed, 0 failed, 1 skipped" 0

# Bazel stopped for a reason that no event names.
{ configured //a:a; result //a:a PASSED "$(xml "$pass")"; } >"$events"
expect 1 "1 passed, 1 failed" 37

# The last attempt counts, and every shard.
{ configured //a:a; result //a:a FAILED "$(xml "$fail")" 1; result //a:a PASSED "$(xml "$pass")" 2; } >"$events"
expect 0 "1 passed, 0 failed" 0
{ configured //a:a; result //a:a PASSED "$(xml "$pass")" 1 1; result //a:a PASSED "$(xml "$pass")" 1 2; } >"$events"
expect 0 "2 passed, 0 failed" 0

exit $((failures > 0))
