"""composer_plugin: a shared library that the command loads with --plugin."""

load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_proto_library")

# The loading program brings these with it. A second copy in the plugin would be a registry that
# nobody reads, and messages that protobuf refuses to know twice.
_PROGRAM_PACKAGES = [
    "algorithms",
    "composer",
    "models",
    "proto",
]

def _from_program(label):
    if label.workspace_name != Label("//composer:plugin.bzl").workspace_name:
        return False
    return any([
        label.package == package or label.package.startswith(package + "/")
        for package in _PROGRAM_PACKAGES
    ])

def _without_program_impl(ctx):
    merged = cc_common.merge_cc_infos(cc_infos = [dep[CcInfo] for dep in ctx.attr.deps])
    kept = [
        linker_input
        for linker_input in merged.linking_context.linker_inputs.to_list()
        if not _from_program(linker_input.owner)
    ]
    return [CcInfo(
        compilation_context = merged.compilation_context,
        linking_context = cc_common.create_linking_context(linker_inputs = depset(kept)),
    )]

_without_program = rule(
    implementation = _without_program_impl,
    attrs = {"deps": attr.label_list(providers = [CcInfo])},
    doc = "The headers of deps, and of their libraries those that the program does not bring.",
)

def composer_plugin(name, srcs, protos = [], deps = [], **kwargs):
    """NAME.so out of C++ sources and the messages that configure what they register.

    Args:
      name: of the library, without ".so".
      srcs: C++ files, one of them with COMPOSER_PLUGIN();
      protos: proto_library targets of the plugin's own messages.
      deps: further C++ libraries.
      **kwargs: passed on to cc_binary.
    """
    generated = []
    for i, proto in enumerate(protos):
        generated.append("_%s_proto_%d" % (name, i))
        cc_proto_library(name = generated[-1], deps = [proto])
    _without_program(
        name = "_%s_deps" % name,
        deps = deps + generated + [str(Label("//composer:plugin"))],
    )
    cc_binary(
        name = name + ".so",
        srcs = srcs,
        linkshared = True,
        deps = ["_%s_deps" % name],
        **kwargs
    )
