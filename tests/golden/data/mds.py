"""Folders of MDS shards as mosaicml-streaming writes them; makes the folder mds/ beside this file.

    pip install --no-deps mosaicml-streaming       (written with 0.13.0; it wants xxhash, brotli,
    python-snappy, zstd, typing_extensions, tqdm, catalogue, numpy, Pillow and torch beside it)

mds/values.txt is what the library itself reads back: folder, sample, column, a type, a shape and the
bytes in hexadecimal. Of images these are the decoded pixels in RGB, [height, width, 3].
"""

import pathlib
import shutil

import numpy as np
from PIL import Image
from streaming import LocalDataset, MDSWriter

FOLDER = pathlib.Path(__file__).parent / "mds"

SCALARS = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"]
SCALARS += ["float16", "float32", "float64"]


def scalar(dtype, index):
    if dtype.startswith("float"):
        return np.dtype(dtype).type([0.1, -1.5, 3e4][index % 3])
    info = np.iinfo(dtype)
    return np.dtype(dtype).type([info.max, info.min, 7][index % 3])


def numbers():
    columns = {"int": "int", "text": "str", "raw": "bytes", "object": "json"}
    columns |= {dtype: dtype for dtype in SCALARS}
    columns |= {
        "dynamic": "ndarray",
        "typed": "ndarray:float32",
        "fixed": "ndarray:int16:2,3",
        "flat": "ndarray:float64:4",
    }
    generator = np.random.default_rng(0)
    samples = []
    for i in range(5):
        # Dimensions below 256 take a byte each, larger ones two.
        dynamic = generator.integers(0, 255, size=(i + 1, 2), dtype=np.uint8)
        if i == 3:
            dynamic = np.arange(300, dtype=np.int64)
        sample = {
            "int": [0, -1, 2**63 - 1, -(2**63), 42][i],
            "text": ["", "abc", "ä€𝄞", "two\nlines", "x" * 300][i],
            "raw": bytes(range(i * 3)),
            "object": {"index": i, "list": [1, 2]},
            "dynamic": dynamic,
            "typed": generator.normal(size=(2,) * (i % 3 + 1)).astype(np.float32),
            "fixed": np.arange(6, dtype=np.int16).reshape(2, 3) * (i - 2),
            "flat": generator.normal(size=4),
        }
        sample |= {dtype: scalar(dtype, i) for dtype in SCALARS}
        samples.append(sample)
    return columns, samples


def gradient(height, width, channels):
    y, x = np.mgrid[:height, :width]
    planes = [(x * 9 + y * 5 + c * 60) % 256 for c in range(channels)]
    return np.stack(planes, axis=-1).astype(np.uint8)


def images(encoding):
    samples = []
    for i in range(4):
        image = Image.fromarray(gradient(6 + i, 8, 3))
        if i == 2:
            image = image.convert("L")
        samples.append({"image": image, "class": i * 3})
    return {"image": encoding, "class": "int"}, samples


def note(lines, folder, index, column, value):
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, dict):
        import json

        value = json.dumps(value).encode()
    if isinstance(value, Image.Image):
        value = np.asarray(value.convert("RGB"))
    if isinstance(value, bytes):
        dtype, shape, data = "bytes", (len(value),), value
    else:
        array = np.asarray(value, dtype=np.int64 if isinstance(value, int) else None)
        dtype, shape, data = array.dtype.name, array.shape, array.tobytes()
    shape = ",".join(map(str, shape)) or "-"
    lines.append(f"{folder} {index} {column} {dtype} {shape} {data.hex() or '-'}")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    hashes = ["blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha3_224"]
    hashes += ["sha3_256", "sha3_384", "sha3_512", "sha512", "xxh128", "xxh32", "xxh3_128"]
    hashes += ["xxh3_64", "xxh64"]
    folders = {
        "numbers": (numbers(), dict(size_limit=3000)),
        "numbers_zstd": (numbers(), dict(size_limit=3000, compression="zstd:7", hashes=hashes)),
        "jpeg": (images("jpeg"), dict(compression="zstd", hashes=["sha1"])),
        "png": (images("png"), dict(size_limit=700)),
        "pil": (images("pil"), dict(size_limit=900)),
    }
    lines = []
    for name, ((columns, samples), options) in folders.items():
        folder = FOLDER / name
        with MDSWriter(columns=columns, out=str(folder), **options) as writer:
            for sample in samples:
                writer.write(sample)
        if "compression" in options:
            # Read where they are not kept: the library decompresses beside the shards.
            import streaming.base.compression as compression

            unpacked = FOLDER.parent / "unpacked"
            shutil.copytree(folder, unpacked)
            for file in unpacked.glob("*.zstd"):
                raw = compression.decompress("zstd", file.read_bytes())
                file.with_suffix("").write_bytes(raw)
            read = list(LocalDataset(str(unpacked)))
            shutil.rmtree(unpacked)
        else:
            read = list(LocalDataset(str(folder)))
        assert len(read) == len(samples)
        for index, sample in enumerate(read):
            for column in columns:
                note(lines, name, index, column, sample[column])
    (FOLDER / "values.txt").write_text("".join(line + "\n" for line in lines))


if __name__ == "__main__":
    main()
