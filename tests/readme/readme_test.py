"""What the README shows is what the repository holds, builds and prints.

Usage: readme_test.py COMPOSER TRAIN_CLASSIFIER CUSTOM_ALGORITHM
"""

import json
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

failures = []


def check(right, message):
    if not right:
        failures.append(message)


def block(readme, marker):
    """The fenced block after the comment `<!-- marker -->`."""
    match = re.search(
        r"<!-- " + re.escape(marker) + r" -->\n```\w*\n(.*?)```\n", readme, re.DOTALL)
    check(match, f"README.md has no block marked {marker}")
    return match.group(1) if match else ""


def source(path, begin=None, end=None):
    text = pathlib.Path(path).read_text()
    if begin:
        text = text.split(begin + "\n", 1)[1]
    return text.split(end + "\n", 1)[0] if end else text


def run(*command, code=0):
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    check(result.returncode == code,
          f"{' '.join(command)}: exit code {result.returncode}, expected {code}\n{result.stderr}")
    return result


def write_backbone(path):
    """A safetensors file of zeros: the example's convolutions as "backbone", and a head of another size."""
    shapes = {"head.weight": ("F32", [1000, 128])}
    for i, (before, after) in enumerate([(1, 32), (32, 64), (64, 128)]):
        shapes[f"backbone.{i}.conv.weight"] = ("F32", [after, before, 3, 3])
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"backbone.{i}.norm.{name}"] = ("F32", [after])
        shapes[f"backbone.{i}.norm.num_batches_tracked"] = ("I64", [])
    header, end = {}, 0
    for name, (dtype, shape) in shapes.items():
        begin, end = end, end + math.prod(shape) * (4 if dtype == "F32" else 8)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + bytes(end))


def in_code(names):
    return ", ".join(f"`{name}`" for name in names.split(", "))


def algorithm_row(composer, name, summary):
    """The row of the README's table that `composer describe` makes of an algorithm."""
    described = run(composer, "describe", name).stdout

    def fact(pattern):
        match = re.search(pattern, described, re.MULTILINE)
        return match.group(1) if match else ""

    message = fact(r"^\w+ \(algorithm, [\w.]*?(\w+)\)$")
    paper = re.sub(r"(\w[^,;]*(?:, \d+)?), arXiv:([\d.]+)", r"[\1](https://arxiv.org/abs/\2)",
                   fact("^paper: (.*)$"))
    not_with = []
    if "needs a model with per-sample losses" in described:
        not_with.append("models without per-sample losses")
    for setting, others in re.findall(r"^(?:with (.*), )?not with (.*)$", described, re.MULTILINE):
        not_with.append((f"with `{setting}`: " if setting else "") + in_code(others))
    # Its paper has a column of its own.
    summary = re.sub(r" \([^()]*arXiv:[^()]*\)", "", summary)
    cells = [message, f"`{name}`", summary, paper, fact("^events: (.*)$"), "; ".join(not_with)]
    return "| " + " | ".join(cells) + " |"


def check_algorithms(composer, readme):
    table = readme.split("<!-- algorithms -->\n", 1)[-1].split("\n\n", 1)[0].splitlines()
    shown = {row.split("`")[1]: row for row in table[2:]}
    for line in run(composer, "list", "algorithms").stdout.splitlines():
        name, summary = line.split(None, 1)
        row = algorithm_row(composer, name, summary)
        check(shown.pop(name, None) == row, f"the row of {name} in README.md's table of algorithms should be\n{row}")
    for name in shown:
        check(False, f"README.md's table of algorithms has {name}, which is not registered")


def main(composer, train_classifier, custom_algorithm):
    readme = pathlib.Path("README.md").read_text()

    config = "examples/configs/fashion_mnist.textproto"
    check(block(readme, config) == source(config), f"README.md shows another {config}")
    run(composer, "check", config)

    program = source("examples/train_classifier.cc",
                     begin="//   ./bazelw run //examples:train_classifier -- 2ep\n")
    check(block(readme, "examples/train_classifier.cc") == program,
          "README.md shows another examples/train_classifier.cc")
    output = run(train_classifier, "3ba").stdout
    check("accuracy" in output, f"train_classifier printed {output!r}")

    algorithm = source("examples/custom_algorithm.cc", begin="// README: begin", end="// README: end")
    check(block(readme, "examples/custom_algorithm.cc") == algorithm,
          "README.md shows another examples/custom_algorithm.cc")
    output = run(custom_algorithm).stdout
    accuracy = re.search(r"accuracy ([\d.]+)", output)
    check(accuracy and float(accuracy.group(1)) > 0.9, f"custom_algorithm printed {output!r}")

    check_algorithms(composer, readme)

    # The mistakes, and what is said of them.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "mistakes.textproto")
        path.write_text(block(readme, "mistakes"))
        said = run(composer, "check", str(path), code=2).stderr.replace(f"{folder}/", "")
        check(said == block(readme, "what is said"), f"of the README's mistakes is said:\n{said}")

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "groups.textproto")
        path.write_text(f'include: "{pathlib.Path(config).resolve()}"\n' + block(readme, "groups"))
        said = run(composer, "check", str(path), f"--plot-lr={folder}/lr.svg").stderr
        for group in ('"^head": 1 tensor, ', '"^head": 1 tensor, 10 values, lr 0.001, weight decay 0\n', "the rest: "):
            check(group in said, f"of the README's groups is said:\n{said}")

    # A model of other names and another head comes in.
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "init_from.textproto")
        path.write_text(
            f'include: "{pathlib.Path(config).resolve()}"\n'
            + block(readme, "init_from").replace("model.safetensors", f"{folder}/model.safetensors"))
        write_backbone(f"{folder}/model.safetensors")
        said = run(composer, "check", str(path)).stderr
        check("18 of 19 tensors" in said and "left out 1: head.weight; 2 of the model keep" in said,
              f"of the README's init_from is said:\n{said}")

    # The hashes are the machine's, the rest is the command's.
    command = "composer verify-resume examples/configs/synthetic_mlp.textproto --at=20ba --at=33ba"
    said = run(composer, *command.split()[1:]).stderr
    check(re.sub(r"[0-9a-f]{64}", "HASH", said) == re.sub(r"[0-9a-f]{64}", "HASH", block(readme, command)),
          f"verify-resume says:\n{said}")

    for match in re.finditer(r"`((?:composer|algorithms|examples|proto|models|tests|benchmarks)/[\w/.*]+)`", readme):
        path = match.group(1)
        check(not path.endswith((".cc", ".h", ".textproto")) or pathlib.Path(path).exists(),
              f"README.md names {path}, which does not exist")


main(*sys.argv[1:])
for failure in failures:
    print("FAILED:", failure)
sys.exit(bool(failures))
