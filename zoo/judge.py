#!/usr/bin/env python3
"""Judges compiled models by ONNX Runtime.

For each architecture: `clockwork zoo make`, `clockwork compile`, then `check_model --golden` on seeded random
inputs and the outputs that ONNX Runtime gives for them. Prints a table, and writes it as markdown and JSON.

    pip install numpy onnxruntime
    python zoo/judge.py --bin target/release                     # all architectures
    python zoo/judge.py --bin target/release resnet18 vit_b_16   # these
    python zoo/judge.py --bin target/release --file model.onnx   # any ONNX file
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime


def main():
    arguments = parse()
    names = arguments.names or ([] if arguments.file else listed(arguments))
    rows = [judged(arguments, file.stem, file) for file in arguments.file]
    rows += [made_and_judged(arguments, name) for name in names]
    failed = [row["name"] for row in rows if not row["passed"]]
    table = markdown(rows)
    print(table)
    if arguments.output:
        arguments.output.with_suffix(".md").write_text(table)
        arguments.output.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"{len(rows) - len(failed)} passed, {len(failed)} failed" + "".join(f"\n  {n}" for n in failed))
    return 1 if failed else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="architectures; all if none is named")
    parser.add_argument("--bin", type=pathlib.Path, default="target/release", help="where our programs are")
    parser.add_argument("--file", type=pathlib.Path, nargs="+", default=[], help="judge these ONNX files")
    parser.add_argument("--seed", type=int, default=1, help="of weights and inputs")
    parser.add_argument("--requests", type=int, default=2, help="inputs that are compared")
    parser.add_argument("--batches", default="1,2,4", help="batch sizes that are compiled; batched = single is checked")
    parser.add_argument("--device", default="cpu", help="cpu, or a GPU by its number")
    parser.add_argument("--precision", default="fp32", help="the numbers that a GPU computes with")
    parser.add_argument("--tolerance", help="largest error, as a share of max|reference| [by precision; fp32: 1e-4]")
    parser.add_argument("--output", type=pathlib.Path, help="write OUTPUT.md and OUTPUT.json")
    return parser.parse_args()


def listed(arguments):
    lines = run([arguments.bin / "clockwork", "zoo", "list"]).stdout.splitlines()
    return [line.split("\t")[0] for line in lines]


def made_and_judged(arguments, name):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / f"{name}.onnx"
        run([arguments.bin / "clockwork", "zoo", "make", name, "--seed", str(arguments.seed), "-o", file])
        return judged(arguments, name, file)


def judged(arguments, name, file):
    """One row of the table; what went wrong is in its `why`."""
    row = {"name": name, "passed": False, "error": None, "batched": None, "compile_s": None, "why": ""}
    try:
        with tempfile.TemporaryDirectory() as folder:
            judge(arguments, file, pathlib.Path(folder), row)
    except subprocess.CalledProcessError as error:
        row["why"] = error.stderr.strip().splitlines()[-1] if error.stderr.strip() else str(error)
    except Exception as error:  # a model that ONNX Runtime refuses is a row, not the end
        row["why"] = f"{type(error).__name__}: {error}".splitlines()[0]
    print(f"{name}: {'passed' if row['passed'] else 'FAILED'} {row['error']} {row['why']}", file=sys.stderr, flush=True)
    return row


def judge(arguments, file, folder, row):
    golden = folder / "golden.npz"
    np.savez(golden, **reference(file, arguments.seed, arguments.requests))
    begin = time.monotonic()
    clockwork, compiled = arguments.bin / "clockwork", folder / "compiled"
    precision = ["--precision", arguments.precision]
    run([clockwork, "compile", file, "-o", compiled, "--batches", arguments.batches, *precision])
    row["compile_s"] = round(time.monotonic() - begin, 2)
    command = [clockwork, "check_model", compiled, "--golden", golden, "--json", "-i", "1", *precision]
    command += ["--device", arguments.device]
    command += ["--tolerance", arguments.tolerance] if arguments.tolerance else []
    checked = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if not checked.stdout:
        checked.check_returncode()
    report = json.loads(checked.stdout)
    tensors = report["golden"]
    # JSON has no NaN: null is what is not a number.
    errors = [float("nan") if tensor["error"] is None else tensor["error"] for tensor in tensors]
    row["tensors"] = {tensor["name"]: tensor["error"] for tensor in tensors}
    row["error"] = max(errors)
    row["batched"] = report["batched_differs"] is None
    row["batches"] = [latency["batch"] for latency in report["batches"]]
    row["passed"] = checked.returncode == 0
    if not row["passed"]:
        row["why"] = checked.stderr.strip().splitlines()[-1]


def reference(file, seed, requests):
    """Random inputs and what ONNX Runtime makes of them, request by request."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    random = np.random.default_rng(seed)
    arrays = {}
    for _ in range(requests):
        inputs = {i.name: drawn(random, i) for i in session.get_inputs()}
        names = [output.name for output in session.get_outputs()]
        for name, array in inputs.items():
            arrays.setdefault(f"in_{name}", []).append(array)
        for name, array in zip(names, session.run(names, inputs)):
            check(name, array)
            arrays.setdefault(f"out_{name}", []).append(array)
    return {name: np.stack(parts) for name, parts in arrays.items()}


def drawn(random, info):
    """Floats between -1 and 1; integers that index any vocabulary but the smallest."""
    if info.type in ("tensor(int64)", "tensor(int32)"):
        return random.integers(0, 1000, shape(info), dtype=info.type[len("tensor(") : -1])
    return random.random(shape(info), dtype=np.float32) * 2 - 1


def shape(info):
    """The shape of one request: an open dimension is the batch."""
    return [dim if isinstance(dim, int) and dim > 0 else 1 for dim in info.shape]


def check(name, array):
    """A reference that is not finite, or says the same of everything, would judge nothing."""
    if not np.isfinite(array).all():
        raise ValueError(f"ONNX Runtime's {name} is not finite")
    if array.size > 1 and array.std() < 1e-6 * abs(array).max():
        raise ValueError(f"ONNX Runtime's {name} is the same everywhere")


def markdown(rows):
    lines = ["| model | max error / max reference | batched = single | compile, s | |", "|---|---|---|---|---|"]
    for row in rows:
        error = "" if row["error"] is None else f"{row['error']:.1e}"
        batched = {None: "", True: "yes, " + ",".join(map(str, row.get("batches", []))), False: "NO"}[row["batched"]]
        lines.append(f"| {row['name']} | {error} | {batched} | {row['compile_s'] or ''} | {row['why']} |")
    return "\n".join(lines) + "\n"


def run(command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
