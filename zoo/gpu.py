#!/usr/bin/env python3
"""Compiled models on a GPU: how fast beside PyTorch, and how near the processor's results.

For each architecture: `clockwork zoo make`, `clockwork compile`, `check_model --against-cpu` per precision, then
`torch_speed.py` on the same GPU. Durations are between events on the device around the whole model. Prints a table, and
writes it as markdown and JSON. Needs no packages itself; PyTorch may live in an environment of its own.

    python zoo/gpu.py --bin target/release --torch python3                  # the models of the speed target
    python zoo/gpu.py --bin target/release resnet50 vit_b_16                # these, without PyTorch
    python zoo/gpu.py --rows docs/results/gpu.json                          # the table of an earlier run
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

DEFAULT = ["resnet18", "resnet50", "squeezenet1_1", "mobilenet_v2", "densenet121"]


def main():
    arguments = parse()
    rows = json.loads(arguments.rows.read_text()) if arguments.rows else measured(arguments)
    table = markdown(rows)
    print(table)
    if arguments.output:
        arguments.output.with_suffix(".md").write_text(table)
        arguments.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if any(row["why"] for row in rows) else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help=f"architectures [{' '.join(DEFAULT)}]")
    parser.add_argument("--bin", type=pathlib.Path, default="target/release", help="where our programs are")
    parser.add_argument("--torch", help="a Python that has torch and torchvision; without it, only we are measured")
    parser.add_argument("--device", default="0", help="the GPU, by its number")
    parser.add_argument("--precision", default="tf32,fp16", help="of fp32, tf32, fp16 [%(default)s]")
    parser.add_argument("--batches", default="1,16", help="batch sizes [%(default)s]")
    parser.add_argument("--runs", type=int, default=1000, help="inferences of each")
    parser.add_argument("--seed", type=int, default=1, help="of weights and inputs")
    parser.add_argument("--output", type=pathlib.Path, help="write OUTPUT.md and OUTPUT.json")
    parser.add_argument("--rows", type=pathlib.Path, help="measure nothing: print the table of such a JSON file")
    return parser.parse_args()


def measured(arguments):
    """One row per model, precision and batch size; what went wrong is in its `why`."""
    rows = []
    for name in arguments.names or DEFAULT:
        with tempfile.TemporaryDirectory() as folder:
            made = ours(arguments, name, pathlib.Path(folder))
        theirs(arguments, name, made)
        for row in made:
            print(line(row), file=sys.stderr, flush=True)
        rows += made
    return rows


def ours(arguments, name, folder):
    file, compiled, clockwork = folder / f"{name}.onnx", folder / name, arguments.bin / "clockwork"
    # Batch size 1 is always compiled.
    batches = ",".join(map(str, sorted({1, *sizes(arguments)})))
    rows = []
    try:
        run([clockwork, "zoo", "make", name, "--seed", arguments.seed, "-o", file])
        forms = ["--devices", "cpu,cuda", "--precision", arguments.precision]
        run([clockwork, "compile", file, "-o", compiled, "--batches", batches, *forms])
    except subprocess.CalledProcessError as error:
        return [failed(name, precision, batch, error) for precision, batch in cells(arguments)]
    for precision in arguments.precision.split(","):
        try:
            rows += checked(arguments, name, precision, compiled)
        except subprocess.CalledProcessError as error:
            rows += [failed(name, precision, batch, error) for batch in sizes(arguments)]
    return rows


def checked(arguments, name, precision, compiled):
    """`check_model` judges and measures all batch sizes of a precision."""
    command = [arguments.bin / "clockwork", "check_model", compiled, "--json", "--against-cpu"]
    command += ["--device", arguments.device, "--precision", precision]
    command += ["--batches", arguments.batches, "-i", arguments.runs]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if not done.stdout:
        done.check_returncode()
    report = json.loads(done.stdout)
    errors = {c["batch"]: [t["error"] for t in c["tensors"]] for c in report["against_cpu"]}
    rows = []
    for latency in report["batches"]:
        row = empty(name, precision, latency["batch"])
        # JSON has no NaN: null is what is not a number.
        row["error"] = max(math.nan if error is None else error for error in errors[row["batch"]])
        row["versions"] = report["versions"]
        row["why"] = done.stderr.strip().splitlines()[-1] if done.returncode else ""
        row["ours"] = {key: value for key, value in latency.items() if key.endswith("_ms") or key == "with_copies"}
        rows.append(row)
    return rows


def theirs(arguments, name, rows):
    """Adds PyTorch's durations."""
    if not arguments.torch:
        return
    script = pathlib.Path(__file__).with_name("torch_speed.py")
    command = [arguments.torch, script, "--models", name, "--batches", arguments.batches]
    command += ["--precision", arguments.precision, "--runs", arguments.runs, "--seed", arguments.seed]
    # It brings libraries of its own; those that ours are pointed to are none of its.
    environment = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    environment["CUDA_VISIBLE_DEVICES"] = visible(arguments.device)
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=environment)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {(found["precision"], found["batch"]): found for found in lines}
    for row in rows:
        row["torch"] = found.get((row["precision"], row["batch"]))
        if row["torch"] is None and not row["why"]:
            row["why"] = "PyTorch: " + (done.stderr.strip().splitlines() or ["no answer"])[-1]


def visible(device):
    """The GPU of this number, as a process that would see no other is told."""
    all_visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return all_visible.split(",")[int(device)] if all_visible else device


def sizes(arguments):
    return [int(batch) for batch in arguments.batches.split(",")]


def cells(arguments):
    return [(precision, batch) for precision in arguments.precision.split(",") for batch in sizes(arguments)]


def empty(name, precision, batch):
    values = {"name": name, "precision": precision, "batch": batch}
    return {**values, "error": None, "versions": None, "ours": None, "torch": None, "why": ""}


def failed(name, precision, batch, error):
    lines = (error.stderr or "").strip().splitlines() or [str(error)]
    return {**empty(name, precision, batch), "why": lines[-1]}


HEAD = """\
| model, batch | precision | Clockwork p50 | p99 | p99.9 | with copies p50 | PyTorch p50 | p99, us | ours / PyTorch | error | |
|---|---|---|---|---|---|---|---|---|---|---|"""


def markdown(rows):
    lines = [HEAD, *map(line, rows), ""]
    ratios = [(row, ratio(row)) for row in rows if ratio(row) is not None]
    for what in [*dict.fromkeys(row["precision"] for row, _ in ratios), "all"]:
        some = [value for row, value in ratios if what in (row["precision"], "all")]
        if some:
            mean = math.exp(sum(map(math.log, some)) / len(some))
            lines.append(f"Ours / PyTorch, {what}: {mean:.3f} in the geometric mean, {max(some):.3f} at most.")
    versions = [row["versions"] for row in rows] + [(row["torch"] or {}).get("versions") for row in rows]
    lines += [f"{version}." for version in dict.fromkeys(filter(None, versions))]
    return "\n".join(lines) + "\n"


def line(row):
    ours = row["ours"] or {}
    mine = [ours.get(key) for key in ("p50_ms", "p99_ms", "p999_ms")]
    mine.append((ours.get("with_copies") or {}).get("p50_ms"))
    torch = [(row["torch"] or {}).get(key) for key in ("p50_ms", "p99_ms")]
    times = ["" if ms is None else f"{ms * 1e3:.0f}" for ms in mine + torch]
    compared = "" if ratio(row) is None else f"{ratio(row):.3f}"
    error = "" if row["error"] is None else f"{row['error']:.1e}"
    cells = [f"{row['name']}, {row['batch']}", row["precision"], *times, compared, error, row["why"]]
    return "| " + " | ".join(cells) + " |"


def ratio(row):
    """Our median by theirs; `None` if one is missing, or what we computed is wrong."""
    if row["why"] or not row["ours"] or not row["torch"]:
        return None
    return row["ours"]["p50_ms"] / row["torch"]["p50_ms"]


def run(command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
