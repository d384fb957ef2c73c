#!/usr/bin/env python3
"""Our execution and ONNX Runtime's, run by run in turn on the same core.

Both have one thread. Each turn is one inference of ours (`check_model --serve`, which measures itself) and one of
ONNX Runtime's, so that whatever disturbs the machine disturbs both. Ratios are of medians.

    pip install numpy onnxruntime
    python zoo/speed.py --bin target/release --runs 200
    python zoo/speed.py --bin target/release --core 3 --runs 2000 --batch 8 resnet50
"""

import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnxruntime

DEFAULT = ["resnet18", "resnet50", "squeezenet1_1", "mobilenet_v2", "densenet121"]


def main():
    arguments = parse()
    core = arguments.core if arguments.core is not None else max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})  # children inherit it
    rows = []
    print(HEAD, flush=True)
    for name in arguments.names or DEFAULT:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measured(arguments, name, pathlib.Path(folder)))
        print(line(rows[-1]), flush=True)
    for clock in ("wall", "cpu"):
        ratios = [row["ours"][clock]["p50"] / row["ort"][clock]["p50"] for row in rows]
        mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
        print(f"\ngeometric mean of ours / ONNX Runtime, {clock}: {mean:.3f}", end="")
    print()
    if arguments.output:
        arguments.output.write_text(json.dumps({"core": core, "rows": rows}, indent=1) + "\n")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help=f"architectures [{' '.join(DEFAULT)}]")
    parser.add_argument("--bin", type=pathlib.Path, default="target/release", help="where our programs are")
    parser.add_argument("--runs", type=int, default=200, help="inferences of each")
    parser.add_argument("--batch", type=int, default=1, help="requests of an inference")
    parser.add_argument("--core", type=int, help="the core that both run on [the last]")
    parser.add_argument("--seed", type=int, default=1, help="of weights and inputs")
    parser.add_argument("--output", type=pathlib.Path, help="write all numbers as JSON")
    return parser.parse_args()


def measured(arguments, name, folder):
    file, compiled = folder / f"{name}.onnx", folder / "compiled"
    clockwork = arguments.bin / "clockwork"
    run([clockwork, "zoo", "make", name, "--seed", arguments.seed, "-o", file])
    batches = "1" if arguments.batch == 1 else f"1,{arguments.batch}"
    run([clockwork, "compile", file, "-o", compiled, "--batches", batches])
    theirs = Theirs(file, arguments)
    ours = Ours(arguments.bin / "check_model", compiled, arguments)
    times = {"ours": [], "ort": []}
    for _ in range(10):
        ours.run(), theirs.run()
    for _ in range(arguments.runs):
        times["ours"].append(ours.run())
        times["ort"].append(theirs.run())
    ours.close()
    row = {"name": name, "batch": arguments.batch, "runs": arguments.runs}
    for who, pairs in times.items():
        wall, cpu = zip(*pairs)
        row[who] = {"wall": summary(wall), "cpu": summary(cpu)}
    return row


class Ours:
    """`check_model` in its serving mode: a line is an inference."""

    def __init__(self, program, compiled, arguments):
        command = [str(program), str(compiled), "--serve", "--device", "cpu", "--batches", str(arguments.batch)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ask = f"{arguments.batch}\n"
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError("check_model did not start")

    def run(self):
        self.process.stdin.write(self.ask)
        self.process.stdin.flush()
        wall, cpu = self.process.stdout.readline().split()
        return int(wall), int(cpu)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Theirs:
    """ONNX Runtime with one thread, its output in memory that is there already."""

    def __init__(self, file, arguments):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        self.session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        random = np.random.default_rng(arguments.seed)
        self.binding = self.session.io_binding()
        for info in self.session.get_inputs():
            dims = [arguments.batch] + info.shape[1:]
            self.binding.bind_cpu_input(info.name, random.random(dims, dtype=np.float32) * 2 - 1)
        for info in self.session.get_outputs():
            self.binding.bind_output(info.name)

    def run(self):
        wall, cpu = time.monotonic_ns(), time.thread_time_ns()
        self.session.run_with_iobinding(self.binding)
        return time.monotonic_ns() - wall, time.thread_time_ns() - cpu


def summary(nanoseconds):
    ordered = sorted(nanoseconds)

    def at(share):
        return ordered[max(math.ceil(share * len(ordered)), 1) - 1] / 1e6

    values = {"p50": at(0.5), "p99": at(0.99), "p999": at(0.999), "max": ordered[-1] / 1e6}
    values["p999_p50"] = values["p999"] / values["p50"]
    return values


HEAD = """\
| model, batch | who | wall p50 | p99 | p99.9 | max, ms | p99.9 / p50 | CPU p50 | p99.9 / p50 | ours / ORT, wall | CPU |
|---|---|---|---|---|---|---|---|---|---|---|"""


def line(row):
    lines = []
    for who, label in (("ours", "Clockwork"), ("ort", "ONNX Runtime")):
        wall, cpu = row[who]["wall"], row[who]["cpu"]
        ratios = [row["ours"][clock]["p50"] / row["ort"][clock]["p50"] for clock in ("wall", "cpu")]
        compared = f"{ratios[0]:.3f} | {ratios[1]:.3f}" if who == "ours" else "|"
        lines.append(
            f"| {row['name']}, {row['batch']} | {label} | {wall['p50']:.2f} | {wall['p99']:.2f} | {wall['p999']:.2f} "
            f"| {wall['max']:.2f} | {wall['p999_p50']:.3f} | {cpu['p50']:.2f} | {cpu['p999_p50']:.3f} | {compared} |"
        )
    return "\n".join(lines)


def run(command):
    subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)


if __name__ == "__main__":
    sys.exit(main())
