#!/usr/bin/env python3
"""Times torchvision models as PyTorch runs them best without a compiler: CUDA graphs and channels-last.

Durations are between events around the replayed graph of the whole model, on random weights and inputs; algorithms are
those that cuDNN's benchmark finds fastest. Prints one JSON object per model, precision and batch size.

    pip install torch torchvision
    python zoo/torch_speed.py --models resnet50 --batches 1,16 --precision tf32,fp16
"""

import argparse
import json
import math
import sys

import torch
import torchvision

DEFAULT = "resnet18,resnet50,squeezenet1_1,mobilenet_v2,densenet121"


def main():
    arguments = parse()
    torch.backends.cudnn.benchmark = True
    for name in arguments.models.split(","):
        for precision in arguments.precision.split(","):
            for batch in map(int, arguments.batches.split(",")):
                row = {"name": name, "precision": precision, "batch": batch, "versions": versions()}
                row.update(summary(timed(name, batch, precision, arguments)))
                print(json.dumps(row), flush=True)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--models", default=DEFAULT, help="names in torchvision, with commas between [%(default)s]")
    parser.add_argument("--batches", default="1,16", help="batch sizes [%(default)s]")
    parser.add_argument("--precision", default="tf32,fp16", help="of fp32, tf32, fp16 [%(default)s]")
    parser.add_argument("--runs", type=int, default=1000, help="measured inferences, after 20 that warm up")
    parser.add_argument("--seed", type=int, default=1, help="of weights and inputs")
    return parser.parse_args()


def timed(name, batch, precision, arguments):
    """Milliseconds of each run."""
    torch.manual_seed(arguments.seed)
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = precision != "fp32"
    dtype = torch.float16 if precision == "fp16" else torch.float32
    layout = torch.channels_last
    model = torchvision.models.get_model(name, weights=None).eval().cuda().to(memory_format=layout, dtype=dtype)
    image = torch.rand(batch, 3, 224, 224, device="cuda", dtype=dtype).mul(2).sub(1).contiguous(memory_format=layout)
    with torch.inference_mode():
        graph = captured(model, image)
        times = [replayed(graph) for _ in range(WARM_UPS + arguments.runs)]
    return times[WARM_UPS:]


def captured(model, image):
    """The whole model as one graph; what runs before it lets cuDNN choose."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(5):
            model(image)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        model(image)
    return graph


def replayed(graph):
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    graph.replay()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def summary(times):
    ordered = sorted(times)

    def at(share):
        return ordered[max(math.ceil(share * len(ordered)), 1) - 1]

    return {"p50_ms": at(0.5), "p99_ms": at(0.99), "p999_ms": at(0.999), "max_ms": ordered[-1]}


def versions():
    cudnn = torch.backends.cudnn.version()
    return f"{torch.cuda.get_device_name(0)}, PyTorch {torch.__version__}, cuDNN {cudnn}"


WARM_UPS = 20


if __name__ == "__main__":
    sys.exit(main())
