#!/usr/bin/env python3
"""Exports the table's 34 architectures from torchvision and timm, with weights as they are initialized.

`clockwork zoo make` builds the same architectures without any of this; the exports show that compiled models do not
depend on how our own files spell them. Needs several gigabytes of packages:

    pip install torch torchvision timm onnx onnxslim
    python zoo/export_torchvision.py -o exported               # all
    python zoo/export_torchvision.py -o exported resnet18      # these
    python zoo/judge.py --bin target/release --file exported/*.onnx
"""

import argparse
import pathlib

import onnx
import onnxslim
import timm
import torch
import torchvision

TORCHVISION = """alexnet convnext_tiny densenet121 densenet161 densenet169 densenet201 efficientnet_b0 googlenet
inception_v3 mnasnet1_0 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_y_400mf resnet18 resnet34 resnet50
resnet101 resnet152 resnext50_32x4d resnext101_32x8d shufflenet_v2_x1_0 squeezenet1_1 vgg16 vit_b_16
wide_resnet50_2""".split()

TIMM = """dpn68 inception_resnet_v2 inception_v4 mobilenetv4_conv_small resnest50d seresnet50 tf_efficientnet_lite0
xception41""".split()

SIDES = {"inception_v3": 299, "inception_v4": 299, "inception_resnet_v2": 299, "xception41": 299}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", help="architectures; all if none is named")
    parser.add_argument("-o", "--output", type=pathlib.Path, default="exported", help="the folder")
    parser.add_argument("--seed", type=int, default=1, help="of weights and statistics")
    parser.add_argument("--opset", type=int, default=17)
    parser.add_argument("--raw", action="store_true", help="leave what onnxslim would fold")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or sorted(TORCHVISION + TIMM):
        torch.manual_seed(arguments.seed)
        file = arguments.output / f"{name}.onnx"
        export(model(name), SIDES.get(name, 224), file, arguments)
        print(f"{file}: {len(onnx.load(file).graph.node)} nodes", flush=True)


def model(name):
    if name in TIMM:
        made = timm.create_model(name, pretrained=False)
    else:
        # Without the classifiers that only training uses.
        extra = {"init_weights": True, "aux_logits": False} if name in ("googlenet", "inception_v3") else {}
        made = torchvision.models.get_model(name, weights=None, **extra)
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            # Statistics as training leaves them, so that folding them changes numbers.
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)
    for parameter in made.parameters():
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.02)  # vit_b_16's last layer: all its outputs would be zero
    return made.eval()


def export(made, side, file, arguments):
    image = torch.randn(1, 3, side, side)
    names = {"input_names": ["input"], "output_names": ["output"]}
    batch = {"input": {0: "batch"}, "output": {0: "batch"}}
    torch.onnx.export(
        made, image, str(file), opset_version=arguments.opset, dynamic_axes=batch, dynamo=False, **names
    )
    if not arguments.raw:
        onnx.save(onnxslim.slim(str(file)), str(file))


if __name__ == "__main__":
    main()
