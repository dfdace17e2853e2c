"""What transformers pads and what a plain packer packs; writes collates.txt beside this file.

    pip install transformers==5.23.0 tokenizers==0.23.3 torch==2.11.0

Each tensor is two lines: its name, dtype and sizes, then its values. `documents/N` are the samples'
tokens; `pad/CASE/*` what DataCollatorForSeq2Seq makes of them, with labels that are the tokens plus
100; `pack/CASE/*` what `pack` below does; `flat/*` what DataCollatorWithFlattening makes of the first
four.
"""

import pathlib

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (DataCollatorForSeq2Seq, DataCollatorWithFlattening,
                          PreTrainedTokenizerFast)

PAD = 3
tensors = {}


def pad(case, documents, side, padding, max_length=None, multiple_of=None):
    vocabulary = {str(i): i for i in range(100)}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(WordLevel(vocabulary, "0")),
                                        unk_token="0", pad_token=str(PAD), padding_side=side)
    collate = DataCollatorForSeq2Seq(tokenizer, padding=padding, max_length=max_length,
                                     pad_to_multiple_of=multiple_of, return_tensors="pt")
    if max_length is not None:
        documents = [d[:max_length] for d in documents]
    batch = collate([{"input_ids": d, "labels": [t + 100 for t in d]} for d in documents])
    for name, tensor in batch.items():
        tensors[f"pad/{case}/{name}"] = tensor


def pack(case, documents, length, long, labels):
    """Token by token, with none of the C++'s shortcuts."""
    pieces = []
    for document in documents:
        if labels == "same":
            pairs = [(token, token) for token in document]
        else:
            # The text goes on after the document with token 99.
            pairs = list(zip(document, document[1:] + [99]))
        if long == "truncate":
            pairs = pairs[:length]
        while pairs:
            pieces.append(pairs[:length])
            pairs = pairs[length:]
    rows = []
    for piece in pieces:
        for row in rows:
            if sum(len(p) for p in row) + len(piece) <= length:
                row.append(piece)
                break
        else:
            rows.append([piece])
    columns = {name: [] for name in ("input_ids", "labels", "attention_mask", "document_ids",
                                     "position_ids")}
    for row in rows:
        cells = []
        for number, piece in enumerate(row):
            for position, (token, label) in enumerate(piece):
                if labels == "same" and position == 0:
                    label = -100
                cells.append((token, label, 1, number, position))
        cells += [(PAD, -100, 0, -1, 0)] * (length - len(cells))
        for column, values in zip(columns.values(), zip(*cells)):
            column.append(values)
    for name, column in columns.items():
        tensors[f"pack/{case}/{name}"] = torch.tensor(column)


def main():
    generator = torch.Generator().manual_seed(5)
    lengths = [7, 3, 12, 1, 5, 23, 8, 2, 16, 4, 9, 6]
    documents = [torch.randint(10, 90, (n,), generator=generator).tolist() for n in lengths]
    for i, document in enumerate(documents):
        tensors[f"documents/{i}"] = torch.tensor(document)
    pad("longest", documents, "right", "longest")
    pad("left", documents, "left", "longest")
    pad("multiple", documents, "right", "longest", multiple_of=8)
    pad("max", documents, "right", "max_length", max_length=32)
    pad("cut", documents, "right", "longest", max_length=10)
    pad("cut_left", documents, "left", "max_length", max_length=10)
    for long in ("truncate", "split"):
        for labels in ("same", "next"):
            pack(f"{long}_{labels}", documents, 8, long, labels)
    pack("one_row", documents[:3], 32, "split", "next")
    flat = DataCollatorWithFlattening(return_tensors="pt")
    for name, value in flat([{"input_ids": d} for d in documents[:4]]).items():
        tensors[f"flat/{name}"] = value
    lines = []
    for name, tensor in tensors.items():
        lines.append(" ".join([name, "int64", *map(str, tensor.shape)]))
        lines.append(" ".join(map(str, tensor.flatten().tolist())))
    (pathlib.Path(__file__).parent / "collates.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
