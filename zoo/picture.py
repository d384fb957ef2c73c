#!/usr/bin/env python3
"""A picture as a model's input: raw f32 elements, channels first, as `simpleclient` and `check_model --input` take them.

    pip install numpy pillow
    python zoo/picture.py cat.png -o cat.f32                                 # 224 x 224, RGB, ImageNet's mean and deviation
    python zoo/picture.py cat.png -o cat.f32 --order bgr --mean 0 --std 1    # what Caffe's models want: 0 to 255, blue first
"""

import argparse
import pathlib

import numpy as np
from PIL import Image


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("-o", "--output", type=pathlib.Path, required=True)
    parser.add_argument("--side", type=int, default=224, help="pixels of a side; the picture's middle is taken")
    parser.add_argument("--order", choices=["rgb", "bgr"], default="rgb", help="of the channels")
    parser.add_argument("--mean", type=float, nargs="+", default=[123.675, 116.28, 103.53], help="of each channel")
    parser.add_argument("--std", type=float, nargs="+", default=[58.395, 57.12, 57.375], help="of each channel")
    arguments = parser.parse_args()
    pixels = middle(Image.open(arguments.picture).convert("RGB"), arguments.side)
    if arguments.order == "bgr":
        pixels = pixels[..., ::-1]
    elements = (pixels - np.float32(arguments.mean)) / np.float32(arguments.std)
    np.ascontiguousarray(elements.transpose(2, 0, 1), dtype=np.float32).tofile(arguments.output)


def middle(picture, side):
    """The shorter side becomes 8/7 of what is taken, as ImageNet's classifiers are evaluated."""
    factor = side * 8 / 7 / min(picture.size)
    wide, high = (round(length * factor) for length in picture.size)
    left, top = (wide - side) // 2, (high - side) // 2
    return np.asarray(picture.resize((wide, high), Image.BILINEAR).crop((left, top, left + side, top + side)), np.float32)


if __name__ == "__main__":
    main()
