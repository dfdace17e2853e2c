"""Tables, JSON lines, tokens and a SentencePiece model, and what Python reads from them.

Writes all files beside this one. Needs numpy and sentencepiece 0.1.97 from PyPI:

quoted.csv          a table with all that RFC 4180 allows;
train.csv, test.csv the two splits of a table of people;
records.jsonl       JSON lines;
tokens_u16.bin, tokens_u32.bin
                    tokens as nanoGPT writes them;
verses.txt, tiny.model
                    text and a SentencePiece model trained on it;
expected.json       what csv, json, numpy and sentencepiece make of them.
"""

import csv
import io
import json
import os
import pathlib

import numpy as np
import sentencepiece

FOLDER = pathlib.Path(__file__).parent

QUOTED = (
    b"\xef\xbb\xbfname,\"a, comma\",\"a \"\"quote\"\"\"\r\n"
    b"plain,  spaces kept ,\r\n"
    b"\"two\r\nlines\",\"\",'single'\r\n"
    b"\r\n"
    b"\xc3\xa9t\xc3\xa9,\xe2\x82\xac,\xf0\x9f\x99\x82\r\n"
    b",,\r\n"
    b"\"\"\"\",\",\",\"\n\"\r\n"
    b"last,row,without end"
)

TRAIN = """age;height;city;children;label
41;1.82;Rome;0;yes
23.5;;Bern;2;no
-7e-1;1.65;Z\u00fcrich;NA;no
+19;1.7001;Rome;-3;yes
1e3;1.5;;9223372036854775807;maybe
35;NA;Aarau;1;yes
"""
TEST = """label;city;age;height;children
no;Rome;30;1.6;1
yes;Paris;;1.9;0
no;;12;;NA
"""
MISSING = {"", "NA"}

RECORDS = """{"id": 1, "image": [[0, 1.5], [-2e-3, 4]], "meta": {"label": "cat", "tags": []}, "text": "h\u00e9", "ok": true}

{"text": "", "id": -9007199254740993, "image": [[1, 2], [3, 4]], "meta": {"label": "dog"}, "ok": false}
{"id": 0, "image": [[3.4e38, 1e-50], [0.1, 1]], "meta": {"label": "cat"}, "text": "\\u20ac\\n", "ok": true}
"""


def float32s(values):
    return [float(np.float32(value)) for value in values]


def read_table(text):
    return list(csv.DictReader(io.StringIO(text), delimiter=";"))


def people(learnt_from, rows):
    """The columns of `rows` in the encodings that the test's config asks for."""
    ages = np.array([float(row["age"]) for row in learnt_from if row["age"] not in MISSING])
    heights = np.array([float(r["height"]) for r in learnt_from if r["height"] not in MISSING])
    cities = sorted({r["city"] for r in learnt_from if r["city"]}, key=lambda c: c.encode())
    labels = sorted({r["label"] for r in learnt_from}, key=lambda c: c.encode())
    # Missing: 40 for ages; the mean for heights.
    age = np.array([40 if r["age"] in MISSING else float(r["age"]) for r in rows])
    height = np.array([heights.mean() if r["height"] in MISSING else float(r["height"]) for r in rows])
    city = [
        len(cities) + 1 if not r["city"] else
        cities.index(r["city"]) if r["city"] in cities else len(cities) for r in rows
    ]
    return {
        "age": float32s((age - ages.mean()) / ages.std()),
        "height": float32s(height),
        "city": city,
        "children": [-1 if r["children"] in MISSING else int(r["children"]) for r in rows],
        "label": [labels.index(r["label"]) for r in rows],
        "learnt": {
            "columns": {
                "age": {"mean": ages.mean(), "std": ages.std()},
                "height": {"mean": heights.mean(), "std": heights.std()},
                "city": {"categories": cities},
                "label": {"categories": labels},
            }
        },
    }


def records():
    result = []
    for line in RECORDS.split("\n"):
        if not line:
            continue
        value = json.loads(line)
        result.append({
            "id": value["id"],
            "image": float32s(np.float32(value["image"]).flatten()),
            "label": ["cat", "dog"].index(value["meta"]["label"]),
            "text": list(value["text"].encode()),
            "ok": ["false", "true"].index(str(value["ok"]).lower()),
        })
    return result


def windows(tokens, length, stride):
    """nanoGPT's get_batch, at every place rather than at random ones."""
    places = range(0, len(tokens) - length, stride)
    return {
        "input_ids": [tokens[i:i + length].astype(np.int64).tolist() for i in places],
        "labels": [tokens[i + 1:i + 1 + length].astype(np.int64).tolist() for i in places],
    }


def main():
    (FOLDER / "quoted.csv").write_bytes(QUOTED)
    (FOLDER / "train.csv").write_bytes(TRAIN.encode())
    (FOLDER / "test.csv").write_bytes(TEST.encode())
    (FOLDER / "records.jsonl").write_bytes(RECORDS.encode())

    quoted = csv.reader(io.StringIO(QUOTED.decode("utf-8-sig"), newline=""), strict=True)
    expected = {
        "quoted": [row for row in quoted if row],
        "train": people(read_table(TRAIN), read_table(TRAIN)),
        "test": people(read_table(TRAIN), read_table(TEST)),
        "records": records(),
    }

    random = np.random.default_rng(1234)
    for kind, high in (("u16", 1 << 16), ("u32", 1 << 32)):
        dtype = np.dtype("<" + kind.replace("16", "2").replace("32", "4"))
        tokens = random.integers(0, high, 101, dtype=np.uint64).astype(dtype)
        path = FOLDER / f"tokens_{kind}.bin"
        tokens.tofile(path)
        data = np.memmap(path, dtype=dtype, mode="r")
        expected[kind] = {
            "whole": windows(data, 16, 16),
            "overlapping": windows(data, 10, 3),
            "second_half": windows(data[int(np.floor(0.5 * len(data))):], 8, 8),
        }

    verses = [
        "In the beginning God created the heaven and the earth.",
        "And the earth was without form, and void; and darkness was upon the face of the deep.",
        "And the Spirit of God moved upon the face of the waters.",
        "",
        "And God said, Let there be light: and there was light.",
        "And God saw the light, that it was good: and God divided the light from the darkness.",
        "And God called the light Day, and the darkness he called Night.",
        "And the evening and the morning were the first day. \u00c9t\u00e9 \u20ac",
    ]
    text = "\r\n".join(verses) + "\r\n"
    (FOLDER / "verses.txt").write_bytes(text.encode())
    os.chdir(FOLDER)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([verse for verse in verses if verse]),
        # Kept in the model, so without a path.
        model_prefix="tiny",
        vocab_size=80,
        model_type="bpe",
        normalization_rule_name="identity",
        minloglevel=2,
    )
    (FOLDER / "tiny.vocab").unlink()
    model = sentencepiece.SentencePieceProcessor(model_file=str(FOLDER / "tiny.model"))
    lines = [verse for verse in verses if verse]
    expected["sentencepiece"] = {
        "vocabulary_size": model.get_piece_size(),
        "unknown": model.encode("\u4e16 x"),
        "lines": sum((model.encode(line, add_eos=True) for line in lines), []),
        "lines_bos": sum((model.encode(line, add_bos=True, add_eos=True) for line in lines), []),
        "file": model.encode(text),
    }

    with open(FOLDER / "expected.json", "w", encoding="utf-8") as file:
        json.dump(expected, file, ensure_ascii=False)
        file.write("\n")


if __name__ == "__main__":
    main()
