"""Makes the corpora of the formats whose files no library writes as small: corpus/ beside this file.

The rest of corpus/npy, npz and safetensors are files of tests/golden/data/arrays, and inputs that a
fuzzer found something with.
"""

import gzip
import hashlib
import io
import json
import pathlib
import struct
import zipfile

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "data"
CHECKPOINTS = HERE.parent / "golden" / "checkpoint"


def write(name, data):
    path = HERE / "corpus" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def idx(sizes):
    return bytes([0, 0, 8, len(sizes)]) + b"".join(struct.pack(">I", size) for size in sizes)


def idx_files():
    labels = idx([5]) + bytes(range(5))
    images = idx([2, 3, 4]) + bytes(range(24))
    write("idx/labels", labels)
    write("idx/images", images)
    write("idx/labels_gz", gzip.compress(labels, mtime=0))
    write("idx/images_gz", gzip.compress(images, mtime=0))
    two = gzip.compress(images[:9], mtime=0) + gzip.compress(images[9:], mtime=0)
    write("idx/two_members_gz", two)
    write("idx/huge", idx([4000000000, 28, 28]) + b"x")


def npz_file():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        member = zipfile.ZipInfo("a.npy", (1980, 1, 1, 0, 0, 0))
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, (GOLDEN / "arrays" / "int8.npy").read_bytes())
    write("npz/deflated.npz", buffer.getvalue())


def safetensors_files():
    def file(header):
        return struct.pack("<Q", len(header)) + header + b"abcd"

    small = b'{"x":{"dtype":"I16","shape":[2],"data_offsets":[0,4]},"__metadata__":{"a":"\\u00e9"}}'
    write("safetensors/small.safetensors", file(small))
    empty = b'{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},'
    empty += b'"b":{"dtype":"BF16","shape":[0,9],"data_offsets":[4,4]}}'
    write("safetensors/empty.safetensors", file(empty))


def mds_files():
    def shard(samples):
        table = 4 * (len(samples) + 2)
        offsets = [table]
        for sample in samples:
            offsets.append(offsets[-1] + len(sample))
        return struct.pack(f"<{len(samples) + 2}I", len(samples), *offsets) + b"".join(samples)

    def info(folder, number):
        index = json.loads((GOLDEN / "mds" / folder / "index.json").read_text())
        return index["shards"][number]

    def file(shards, data):
        index = {"shards": shards, "version": 2}
        return json.dumps(index, separators=(",", ":")).encode() + b"\0" + data

    for folder in ("pil", "png"):
        shards = [info(folder, 0)]
        data = (GOLDEN / "mds" / folder / "shard.00000.mds").read_bytes()
        write(f"mds/{folder}", file(shards, data))
    data = (GOLDEN / "mds" / "jpeg" / "shard.00000.mds.zstd").read_bytes()
    write("mds/zstd", file([info("jpeg", 0)], data))

    # One value of each encoding that stands before its array, and of the fixed ones.
    values = {
        "int": struct.pack("<q", -1),
        "str": "ä€".encode(),
        "ndarray": b"\x11\x08\2\3abcdefghijkl",
        "ndarray:uint8": b"\5\3\0abc",
        "ndarray:int16:2,3": b"abcdefghijkl",
        "float16": b"ab",
        "bytes": b"",
    }
    fixed = {"int": 8, "ndarray:int16:2,3": 12, "float16": 2}
    head = b"".join(struct.pack("<I", len(v)) for k, v in values.items() if k not in fixed)
    sample = head + b"".join(values.values())
    raw = shard([sample, sample])
    one = info("png", 0) | {
        "column_names": [f"c{i}" for i in range(len(values))],
        "column_encodings": list(values),
        "column_sizes": [fixed.get(encoding) for encoding in values],
        "samples": 2,
        "raw_data": {"basename": "s", "bytes": len(raw), "hashes": {}},
    }
    write("mds/values", file([one], raw))
    write("mds/two_shards", file([one, one | {"samples": 1}], raw))


def text_files():
    write("csv/plain", b"name,age,score\nada,36,1.5\nalan,41,-2e3\n")
    write("csv/quoted", b'a,b\r\n"x, ""y""","two\nlines"\r\n"",z\r\n')
    write("csv/tabs", b"a\tb\n1\t\n\t2")
    write("csv/byte_order_mark", b"\xef\xbb\xbfa;b\n1;2\n\n3;4\n")
    write("csv/unclosed", b'a,b\n1,"2\n')
    write("json_lines/plain", b'{"text": "abc", "label": 1}\n{"text": "\\u00e9", "label": 2}\n')
    nested = b'{"meta": {"list": [1, 2.5e-3, [true, null]]}, "\\ud83d\\ude00": -0}'
    write("json_lines/nested", b"\xef\xbb\xbf" + nested + b"\r\n\r\n{}\r\n")
    write("json_lines/deep", b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}")
    write("json_lines/broken", b'{"a": 1}\n{"a": }\n[1]\n{"a": 1, "a": 2}\n{"a": "\xff"}\n{"a": 1e999}')


def manifest_files():
    def manifest(metrics, files):
        text = '{\n  "format": "composer checkpoint",\n  "version": 1,\n  "time": '
        text += '{"iteration": 0, "epoch": 1, "batch": 137, "sample": 17536, "token": 0, '
        text += f'"nanoseconds": 1500}},\n  "metrics": {{{metrics}}},\n  "files": {{{files}}},\n'
        checksum = hashlib.sha256(text.encode()).hexdigest()
        return (text + f'  "sha256": "{checksum}"\n}}\n').encode()

    empty = hashlib.sha256(b"").hexdigest()
    file = f'\n    "model.safetensors": {{"size": 0, "sha256": "{empty}"}}'
    metrics = '\n    "loss/train/total": 2.5e-07,\n    "metrics/eval/accuracy": -0'
    write("manifest/empty", manifest("", ""))
    write("manifest/whole", manifest(metrics, file))
    write("manifest/unsealed", manifest(metrics, file).replace(b"137", b"138"))
    write("manifest/escapes", manifest('\n    "\\n\\"\\\\é": 1e+300', file))
    write("manifest/hostile", manifest("", '\n    "../a": {"size": 9223372036854775807, "sha256": ""}'))


def torch_files():
    for name in ("state_dict", "tied", "training", "views", "dtypes", "foreign"):
        file = (CHECKPOINTS / f"{name}.pt").read_bytes()
        with zipfile.ZipFile(io.BytesIO(file)) as archive:
            pickle = archive.read(f"{archive.namelist()[0].split('/')[0]}/data.pkl")
        write(f"pickle/{name}", pickle)
        if name in ("state_dict", "tied", "foreign"):
            write(f"torch_zip/{name}", file)
    # Without PyTorch's padding, so that mutations hit what matters.
    with zipfile.ZipFile(io.BytesIO((CHECKPOINTS / "tied.pt").read_bytes())) as archive:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as small:
            for name in archive.namelist():
                if not name.split("/", 1)[1].startswith("."):
                    small.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), archive.read(name))
        write("torch_zip/small", buffer.getvalue())


def safetensors_indexes():
    write("safetensors_index/empty", b'{"weight_map":{}}')
    index = b'{"metadata": {"total_size": 24.0, "any": [null, {"a": -1e3}]}, "weight_map": '
    write("safetensors_index/two", index + b'{"a": "1.safetensors", "b": "2.safetensors"}}')


if __name__ == "__main__":
    manifest_files()
    idx_files()
    npz_file()
    safetensors_files()
    mds_files()
    text_files()
    torch_files()
    safetensors_indexes()
