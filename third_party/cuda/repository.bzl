"""CUDA for Bazel: nvcc, headers and the libraries that LibTorch's CUDA part loads.

Each comes from the CUDA toolkit (CUDA_HOME, else /usr/local/cuda) where that has it, and from
PyPI's wheels where it does not. Without --config=cuda the repository is an empty shell, so that
nothing that merely looks at the targets downloads gigabytes.
"""

load("//third_party/wheels:wheels.bzl", "fetch_wheels")

_CUDA_MAJOR = 13

# Together these unpack to a folder laid out like the toolkit, in which nvcc finds its parts.
_COMPILER_NAME = "cuda-compiler-13.0.88"
_COMPILER_WHEELS = {
    "nvidia-cuda-cccl==13.0.85": "e0da7ad981f3a8aff08241b5bfc1af868742a63e2762f53a5171c492ef242649",
    "nvidia-cuda-crt==13.0.88": "2c8043c7c9e02492716426e9919fc78d2c5b3b2a7a768a88e952676b08aa55a4",
    "nvidia-cuda-nvcc==13.0.88": "56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03",
    "nvidia-cuda-profiler-api==13.0.85": "73d2671deac833db6686d6fbde4753fa3a3a497d87540fc246f081f375243f66",
    "nvidia-cuda-runtime==13.0.96": "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
    "nvidia-nvvm==13.0.88": "c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0",
}

def _library(wheel, sha256, libraries, headers = []):
    return struct(wheel = wheel, sha256 = sha256, libraries = libraries, headers = headers)

# The versions that torch's wheel asks for, with what a toolkit must have to stand in.
_LIBRARIES = [
    _library(
        "nvidia-cublas==13.1.0.3",
        "ee8722c1f0145ab246bccb9e452153b5e0515fd094c3678df50b2a0888b8b171",
        ["libcublas.so.13", "libcublasLt.so.13"],
        ["cublas_v2.h"],
    ),
    _library(
        "nvidia-cuda-nvrtc==13.0.88",
        "ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575",
        ["libnvrtc.so.13"],
    ),
    _library(
        "nvidia-cudnn-cu13==9.19.0.56",
        "d20e1734305e9d68889a96e3f35094d733ff1f83932ebe462753973e53a572bf",
        ["libcudnn.so.9"],
        ["cudnn.h"],
    ),
    _library(
        "nvidia-cufft==12.0.0.61",
        "6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3",
        ["libcufft.so.12"],
    ),
    _library(
        "nvidia-cufile==1.15.1.6",
        "08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44",
        ["libcufile.so.0"],
    ),
    _library(
        "nvidia-curand==10.4.0.35",
        "1aee33a5da6e1db083fe2b90082def8915f30f3248d5896bcec36a579d941bfc",
        ["libcurand.so.10"],
        ["curand_kernel.h"],
    ),
    _library(
        "nvidia-cusolver==12.0.4.66",
        "0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112",
        ["libcusolver.so.12"],
        ["cusolverDn.h"],
    ),
    _library(
        "nvidia-cusparse==12.6.3.3",
        "2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b",
        ["libcusparse.so.12"],
        ["cusparse.h"],
    ),
    _library(
        "nvidia-cusparselt-cu13==0.8.0",
        "25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd",
        ["libcusparseLt.so.0"],
    ),
    _library(
        "nvidia-nccl-cu13==2.28.9",
        "e4553a30f34195f3fa1da02a6da3d6337d28f2003943aa0a3d247bbc25fefc42",
        ["libnccl.so.2"],
        ["nccl.h"],
    ),
    _library(
        "nvidia-nvjitlink==13.0.88",
        "13a74f429e23b921c1109976abefacc69835f2f433ebd323d3946e11d804e47b",
        ["libnvJitLink.so.13"],
    ),
    _library(
        "nvidia-nvshmem-cu13==3.4.5",
        "290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80",
        ["libnvshmem_host.so.3"],
    ),
]

_INSTEAD = (
    "What the CUDA toolkit does not have comes from PyPI's wheels. Without a network, set CUDA_HOME " +
    "to a toolkit of CUDA " + str(_CUDA_MAJOR) + " with nvcc, cuDNN and NCCL in it; without a GPU, " +
    "build without --config=cuda."
)

# What --config=cuda's targets depend on, where there is no such config.
_SHELL = """
package(default_visibility = ["//visibility:public"])

[
    cc_library(
        name = name,
        tags = ["manual"],
        target_compatible_with = ["@platforms//:incompatible"],
    )
    for name in ["headers", "cudart", "libraries"]
]

filegroup(name = "toolkit")

exports_files(["nvcc"])
"""

_NVCC = """#!/bin/bash
# nvcc finds its parts beside itself, so it is called where it really lies.
exec '{nvcc}' "$@"
"""

def _version(ctx, folder):
    """CUDA_VERSION of the headers in a folder: 13000 for 13.0; None where there are none."""
    header = ctx.path(folder + "/include/cuda.h")
    if not header.exists:
        return None
    for line in ctx.read(header).split("\n"):
        if line.startswith("#define CUDA_VERSION "):
            return int(line.split(" ")[2])
    return None

def _toolkit(ctx):
    """The folder of a toolkit that has nvcc and the run time; None where there is none."""
    named = ctx.os.environ.get("CUDA_HOME", "")
    folder = named or "/usr/local/cuda"
    version = _version(ctx, folder)
    if version == None or not _has(ctx, folder, ["bin/nvcc"]) or not _library_folder(ctx, folder):
        return None
    if version // 1000 == _CUDA_MAJOR:
        return folder
    if named:
        fail(("@%s: CUDA_HOME=%s is CUDA %d.%d, but LibTorch here is built for CUDA %d; unset it " +
              "to take PyPI's wheels") % (
            ctx.name,
            named,
            version // 1000,
            version % 1000 // 10,
            _CUDA_MAJOR,
        ))
    return None

def _library_folder(ctx, folder):
    for name in ["lib64", "lib"]:
        if ctx.path(folder + "/" + name + "/libcudart.so." + str(_CUDA_MAJOR)).exists:
            return folder + "/" + name
    return None

def _has(ctx, folder, names):
    return all([ctx.path(folder + "/" + name).exists for name in names])

def _link_all(ctx, folder, to, linked):
    """Links to a folder's entries, those aside that are there already."""
    if not ctx.path(folder).exists:
        return
    for entry in ctx.path(folder).readdir():
        name = to + "/" + entry.basename
        if name not in linked:
            linked[name] = True
            ctx.symlink(entry, name)

def _cuda_impl(ctx):
    if ctx.os.environ.get("COMPOSER_CUDA", "") != "1":
        ctx.file("BUILD.bazel", _SHELL)
        ctx.file("nvcc", "#!/bin/sh\nexit 1\n")
        return

    toolkit = _toolkit(ctx)
    if not toolkit:
        toolkit = fetch_wheels(ctx, _COMPILER_NAME, _COMPILER_WHEELS, _INSTEAD) + "/nvidia/cu13"
    library_folder = _library_folder(ctx, toolkit)

    linked = {}
    _link_all(ctx, toolkit + "/include", "include", linked)
    _link_all(ctx, library_folder, "lib", linked)
    for library in _LIBRARIES:
        if (_has(ctx, library_folder, library.libraries) and
            _has(ctx, toolkit + "/include", library.headers)):
            continue
        name = library.wheel.replace("==", "-")
        wheel = fetch_wheels(ctx, name, {library.wheel: library.sha256}, _INSTEAD)
        for folder in ctx.path(wheel + "/nvidia").readdir():
            _link_all(ctx, str(folder) + "/include", "include", linked)
            _link_all(ctx, str(folder) + "/lib", "lib", linked)

    ctx.file("nvcc", _NVCC.format(nvcc = toolkit + "/bin/nvcc"))
    ctx.template("BUILD.bazel", ctx.attr.build_file, {"{library_folder}": str(ctx.path("lib"))})

cuda_repository = repository_rule(
    implementation = _cuda_impl,
    attrs = {"build_file": attr.label(mandatory = True)},
    environ = ["COMPOSER_CUDA", "CUDA_HOME", "HOME", "XDG_CACHE_HOME"],
    local = True,
    doc = "nvcc, headers and libraries of CUDA, NCCL among them.",
)
