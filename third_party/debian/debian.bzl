"""Libraries of Debian's as Bazel repositories.

Their headers and libraries lie where g++ looks by itself, so a target needs link flags alone; the
repository makes sure that the packages are there.
"""

def _debian_impl(ctx):
    for file, package in ctx.attr.packages.items():
        if not ctx.path(file).exists:
            fail(("@%s: %s is missing; it belongs to Debian's package %s, which ./bazelw installs " +
                  "(by hand: sudo apt-get install %s)") % (ctx.name, file, package, package))
    for file in ctx.attr.files:
        ctx.symlink(file, file[1:])
    ctx.symlink(ctx.attr.build_file, "BUILD.bazel")

debian_repository = repository_rule(
    implementation = _debian_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "files": attr.string_list(
            doc = "What the BUILD file names as files; they get their path without the first slash.",
        ),
        "packages": attr.string_dict(
            mandatory = True,
            doc = "From a file that must be there to the package that brings it.",
        ),
    },
    # Looked at again when Bazel's server starts, so that a removed package is noticed.
    local = True,
    doc = "Targets over what Debian's packages have installed.",
)
