"""fuzz_entry: a reader that is fed with damaged files, twice over."""

load("@rules_cc//cc:defs.bzl", "cc_binary")

_SANITIZE = [
    "-fsanitize=address,undefined",
    "-fno-sanitize=vptr",
    "-fno-sanitize-recover=all",
]

def _sanitized_impl(settings, attr):
    copt, linkopt = "//command_line_option:copt", "//command_line_option:linkopt"

    # Two that watch over memory exclude one another: that of the command line stays.
    given = [flag for flag in settings[copt] if flag.startswith("-fsanitize=")]
    if any(["address" in flag or "thread" in flag for flag in given]):
        return {copt: settings[copt], linkopt: settings[linkopt]}
    return {
        copt: settings[copt] + _SANITIZE + ["-g1", "-O1"],
        linkopt: settings[linkopt] + _SANITIZE,
    }

_sanitized = transition(
    implementation = _sanitized_impl,
    inputs = ["//command_line_option:copt", "//command_line_option:linkopt"],
    outputs = ["//command_line_option:copt", "//command_line_option:linkopt"],
)

def _sanitized_test_impl(ctx):
    test = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.symlink(output = test, target_file = ctx.executable.program, is_executable = True)
    return [DefaultInfo(executable = test, runfiles = ctx.runfiles(files = ctx.files.data))]

_sanitized_test = rule(
    implementation = _sanitized_test_impl,
    attrs = {
        "data": attr.label_list(allow_files = True),
        "program": attr.label(cfg = "target", executable = True, mandatory = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
    },
    cfg = _sanitized,
    test = True,
    doc = "Runs a program that is compiled, with all it is made of, with sanitizers of g++'s.",
)

def fuzz_entry(name, deps):
    """A program NAME of NAME.cc, and a test NAME_test of it over corpus/NAME.

    The test feeds each file of the corpus, and a fixed number of mutations of them, to the entry, and
    is compiled with AddressSanitizer and UndefinedBehaviorSanitizer. The program is libFuzzer's:
    ./bazelw run --config=fuzz //tests/fuzz:NAME -- -max_total_time=60 -create_missing_dirs=1 \\
      /tmp/fuzz_NAME $PWD/tests/fuzz/corpus/NAME

    Args:
      name: the format's, and its source file's.
      deps: the readers.
    """
    cc_binary(
        name = name,
        testonly = True,
        srcs = [name + ".cc"],
        linkopts = select({
            ":libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        # Without --config=fuzz only the test needs it, in its own configuration.
        tags = ["manual"],
        deps = deps + [":allocation_guard"] + select({
            ":libfuzzer": [],
            "//conditions:default": [":mutate_corpus"],
        }),
    )

    _sanitized_test(
        name = name + "_test",
        size = "small",
        args = ["tests/fuzz/corpus/" + name],
        data = native.glob(["corpus/" + name + "/*"]),
        program = name,
    )
