"""Small arrays as NumPy and safetensors write them; makes the folder arrays/ beside this file.

arrays/arrays.txt has a line for each array that can be read: file, array, type, shape, and the bytes
in hexadecimal, from the array itself rather than from the file.
"""

import pathlib
import shutil

import numpy as np
import safetensors.torch
import torch

FOLDER = pathlib.Path(__file__).parent / "arrays"

TYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"]
TYPES += ["float16", "float32", "float64"]


def example(dtype, shape=(3, 2)):
    generator = np.random.default_rng(len(dtype))
    count = int(np.prod(shape))
    if dtype == "bool":
        values = np.arange(count) % 3 == 0
    elif dtype.startswith("float"):
        values = generator.normal(size=count)
    else:
        info = np.iinfo(dtype)
        values = generator.integers(info.min, info.max, size=count, dtype=dtype, endpoint=True)
    return values.astype(dtype).reshape(shape)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    lines = []

    def note(file, name, dtype, shape, data):
        lines.append(f"{file} {name} {dtype} {','.join(map(str, shape)) or '-'} {data.hex() or '-'}")

    def write(file, array, version=None):
        with open(FOLDER / file, "wb") as out:
            np.lib.format.write_array(out, array, version=version)

    for dtype in TYPES:
        array = example(dtype)
        write(f"{dtype}.npy", array)
        note(f"{dtype}.npy", "-", array.dtype.name, array.shape, array.tobytes())
    shapes = {"scalar": (), "vector": (4,), "empty": (0, 5), "deep": (2, 1, 3, 1, 2)}
    for name, shape in shapes.items():
        array = example("float32", shape)
        write(f"{name}.npy", array)
        note(f"{name}.npy", "-", "float32", shape, array.tobytes())
    for version in ((1, 0), (2, 0), (3, 0)):
        file = f"version{version[0]}.npy"
        write(file, example("int16"), version)
        note(file, "-", "int16", (3, 2), example("int16").tobytes())

    write("refused_big_endian.npy", example("float32").astype(">f4"))
    write("refused_fortran.npy", np.asfortranarray(example("int32")))
    write("refused_objects.npy", np.array([{}, None], dtype=object))
    write("refused_records.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i8")]))
    write("refused_text.npy", np.array(["a", "bc"]))
    write("refused_complex.npy", np.zeros(2, dtype="complex64"))
    write("refused_times.npy", np.zeros(2, dtype="datetime64[ns]"))

    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    labels = np.array([7, -1], dtype=np.int64)
    # Zeros, so that it is far larger than what stands in the archive.
    zeros = np.zeros((500, 300), dtype=np.float32)
    np.savez(FOLDER / "stored.npz", images=images, labels=labels)
    np.savez_compressed(FOLDER / "deflated.npz", images=images, labels=labels, zeros=zeros)
    for file in ("stored.npz", "deflated.npz"):
        note(file, "images", "uint8", images.shape, images.tobytes())
        note(file, "labels", "int64", labels.shape, labels.tobytes())

    tensors = {dtype: torch.from_numpy(example(dtype).copy()) for dtype in TYPES}
    tensors["bfloat16"] = torch.tensor([[1.5, -2.0], [3e38, 0.0], [1e-3, -7.0]], dtype=torch.bfloat16)
    tensors["scalar"] = torch.tensor(2.5)
    tensors["f8"] = torch.tensor([1.0, 2.0]).to(torch.float8_e4m3fn)
    safetensors.torch.save_file(tensors, FOLDER / "types.safetensors", metadata={"made": "by arrays.py"})
    for name, tensor in tensors.items():
        if name != "f8":
            data = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            dtype = str(tensor.dtype).removeprefix("torch.")
            note("types.safetensors", name, dtype, tuple(tensor.shape), data)

    (FOLDER / "arrays.txt").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
