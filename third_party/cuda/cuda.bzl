"""Libraries with CUDA sources, compiled by nvcc."""

load("@rules_cc//cc:defs.bzl", "cc_library")

# `target_compatible_with` of everything that needs CUDA: outside --config=cuda, `//...` skips it.
CUDA_ONLY = select({
    "//third_party/cuda:enabled": [],
    "//conditions:default": ["@platforms//:incompatible"],
})

# As g++ is told in .bazelrc.
_OPTIONS = ["-std=c++20", "-O2", "-Xcompiler=-fPIC,-Wall,-Wextra,-Wno-unused-parameter"]

# Code for the first chip of each generation that CUDA 13 knows, and for later ones to translate.
_ARCHITECTURES = "-arch=all-major"

def _cuda_objects_impl(ctx):
    context = cc_common.merge_cc_infos(
        cc_infos = [dep[CcInfo] for dep in ctx.attr.deps],
    ).compilation_context
    objects = []
    for source in ctx.files.srcs:
        object = ctx.actions.declare_file(
            "_cuda/%s/%s.pic.o" % (ctx.label.name, source.basename[:-len(".cu")]),
        )
        arguments = ctx.actions.args()
        arguments.add_all(_OPTIONS)
        arguments.add(_ARCHITECTURES)
        arguments.add_all(context.defines, before_each = "-D")
        arguments.add("-I.")
        arguments.add_all(context.includes, before_each = "-I")
        arguments.add_all(context.quote_includes, before_each = "-I")
        arguments.add_all(context.system_includes, before_each = "-isystem")
        arguments.add_all(["-c", source, "-o", object])
        ctx.actions.run(
            executable = ctx.executable._nvcc,
            arguments = [arguments],
            inputs = depset(
                ctx.files.srcs + ctx.files.hdrs,
                transitive = [context.headers],
            ),
            outputs = [object],
            mnemonic = "CudaCompile",
            progress_message = "Compiling " + source.short_path,
            # nvcc calls g++ and others by name.
            use_default_shell_env = True,
        )
        objects.append(object)
    return [DefaultInfo(files = depset(objects))]

_cuda_objects = rule(
    implementation = _cuda_objects_impl,
    attrs = {
        "deps": attr.label_list(providers = [CcInfo]),
        "hdrs": attr.label_list(allow_files = True),
        "srcs": attr.label_list(allow_files = [".cu"]),
        "_nvcc": attr.label(
            default = "@cuda//:nvcc",
            allow_single_file = True,
            executable = True,
            cfg = "host",
        ),
    },
)

def cuda_library(name, srcs, hdrs = [], deps = [], **kwargs):
    """A cc_library of .cu files; it exists under --config=cuda alone.

    Args:
      name: the library's name.
      srcs: .cu files.
      hdrs: headers, as in cc_library.
      deps: libraries, as in cc_library; CUDA's headers and run time are there by themselves.
      **kwargs: passed to cc_library.
    """
    deps = deps + ["@cuda//:cudart"]
    _cuda_objects(
        name = name + "_objects",
        srcs = srcs,
        hdrs = hdrs,
        deps = deps,
        target_compatible_with = CUDA_ONLY,
        visibility = ["//visibility:private"],
    )
    cc_library(
        name = name,
        srcs = [":" + name + "_objects"],
        hdrs = hdrs,
        target_compatible_with = CUDA_ONLY,
        deps = deps,
        **kwargs
    )
