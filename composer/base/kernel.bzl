"""How libraries with loops of our own over many values are compiled."""

# Square roots that set no errno are vectorised, and at::parallel_for is a plain loop without
# OpenMP. LibTorch brings OpenMP's library.
KERNEL_COPTS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fopenmp",
]
