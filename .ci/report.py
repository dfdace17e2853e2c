"""Counts the test cases in Bazel's build events and in the test.xml files that they name.

    report.py EVENTS BAZELS_EXIT_STATUS

Prints a line for each test target and closes with `N passed, N failed`. A test that could not be
built or left no cases counts as one that failed. The exit status is 0 only where tests ran and all
of them passed.
"""

import json
import pathlib
import sys
import urllib.parse
import xml.etree.ElementTree


def read_events(path):
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # Bazel was killed in the middle of a line


def cases_in(report):
    """(name, outcome) of each case in a test.xml."""
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            outcome = "failed"
        elif (case.find("skipped") is not None or case.get("result") in ("skipped", "suppressed") or
              case.get("status") == "notrun"):
            outcome = "skipped"
        else:
            outcome = "passed"
        yield ".".join(filter(None, [case.get("classname"), case.get("name")])), outcome


def cases_of_result(result):
    """The cases of one run of a test target; a status that they do not explain is a case itself."""
    passed = result.get("status") == "PASSED"
    cases = []
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            report = urllib.parse.unquote(urllib.parse.urlparse(output["uri"]).path)
            try:
                cases = list(cases_in(report))
            except (OSError, xml.etree.ElementTree.ParseError):
                cases = []
    if not cases:
        return [("", "passed" if passed else "failed")]
    if not passed and all(outcome != "failed" for _, outcome in cases):
        cases.append((result.get("status", "FAILED").lower(), "failed"))
    return cases


def collect(events):
    """The cases of each test target (None where it did not run), and the targets not built.

    A target that is not for this configuration (one of --config=cuda) is neither: it is left out,
    and a test among those is a case that was skipped.
    """
    tests = {}
    runs = {}
    broken = set()
    for event in events:
        identity = event["id"]
        if "targetConfigured" in identity and event.get("configured", {}).get("testSize"):
            tests[identity["targetConfigured"]["label"]] = None
        elif "targetCompleted" in identity:
            label = identity["targetCompleted"]["label"]
            if event.get("aborted", {}).get("reason") == "SKIPPED":
                if label in tests:
                    tests[label] = [("", "skipped")]
            elif not event.get("completed", {}).get("success"):
                broken.add(label)
        elif "testResult" in identity and "testResult" in event:
            key = identity["testResult"]
            # Of several attempts the last one counts.
            run = (key["label"], key.get("run", 1), key.get("shard", 1))
            runs[run] = event["testResult"]
        elif "pattern" in identity and "aborted" in event:
            broken.add(" ".join(identity["pattern"].get("pattern", ["the targets"])))
    for (label, _, _), result in runs.items():
        tests[label] = (tests.get(label) or []) + cases_of_result(result)
    return tests, broken


def main(arguments):
    events_file, bazel_status = arguments[0], int(arguments[1])
    tests, broken = collect(read_events(events_file))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    print()
    for label in sorted(set(tests) | broken):
        cases = tests.get(label)
        if cases is None:
            counts["failed"] += 1
            print(f"FAILED  {label}: " + ("not built" if label in broken else "not run"))
            continue
        for _, outcome in cases:
            counts[outcome] += 1
        failures = [name for name, outcome in cases if outcome == "failed"]
        outcome = "FAILED" if failures else cases[0][1] if len(cases) == 1 else "passed"
        print(f"{outcome:7} {label}: {len(cases)} case{'s' if len(cases) > 1 else ''}" +
              "".join(f"\n        failed: {name}" for name in failures if name))
    if bazel_status != 0 and counts["failed"] == 0:
        print(f"FAILED  bazel ended with {bazel_status}")
        counts["failed"] += 1
    if counts["passed"] + counts["failed"] == 0:
        print("FAILED  no test ran")
        counts["failed"] += 1
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
