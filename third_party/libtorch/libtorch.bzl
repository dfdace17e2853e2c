"""LibTorch for Bazel, out of the wheel that PyPI carries.

LIBTORCH_HOME names an unpacked LibTorch (a folder with include/ and lib/) to use instead.
"""

load("//third_party/wheels:wheels.bzl", "run_python")

def _libtorch_impl(ctx):
    ctx.path(ctx.attr.wheels)  # other pins make the repository anew
    ctx.report_progress("providing LibTorch")
    home = run_python(ctx, Label("//third_party/libtorch:provide_libtorch.py"), [])
    for entry in ctx.path(home + "/include").readdir():
        if entry.basename != "google":  # protobuf 3.13's headers, which would shadow ours
            ctx.symlink(entry, "include/" + entry.basename)
    ctx.symlink(home + "/lib", "lib")
    if ctx.path(home + "/../nvidia").exists:  # a Python environment has NVIDIA's wheels beside it
        ctx.symlink(home + "/../nvidia", "nvidia")
    ctx.template("BUILD.bazel", ctx.attr.build_file, {"{library_folder}": home + "/lib"})

libtorch_repository = repository_rule(
    implementation = _libtorch_impl,
    attrs = {
        "build_file": attr.label(mandatory = True),
        "wheels": attr.label(default = "//third_party/libtorch:wheels.txt"),
    },
    environ = ["HOME", "LIBTORCH_HOME", "XDG_CACHE_HOME"],
    # Looked at again when Bazel's server starts, so that a cleared cache is noticed.
    local = True,
    doc = "Headers and shared libraries of LibTorch as @NAME//:torch.",
)
