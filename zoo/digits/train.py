"""Trains the digits classifier and writes every file of this folder that a machine made.

    pip install numpy scikit-learn onnx
    python zoo/digits/train.py

A small convolutional network, trained by plain NumPy on one core in about ten seconds: a framework
would be two gigabytes for 72,000 weights. Everything is seeded, so a second run on the same machine
gives the same bytes; another BLAS may round differently.
"""

import pathlib

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

SEED = 20201104
TEST_IMAGES = 360
EPOCHS = 40
MINIBATCH = 64
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-4
CHANNELS = (16, 32)
HIDDEN = 128
CLASSES = 10
FOLDER = pathlib.Path(__file__).parent


def main():
    train, test = dataset()
    rng = np.random.default_rng(SEED)
    parameters = fit(initial_parameters(rng), *train, rng)
    images, labels = test
    logits, _ = forward(parameters, images)
    correct = int((logits.argmax(axis=1) == labels).sum())
    print(f"test accuracy {correct}/{len(labels)} = {correct / len(labels):.4f}")

    onnx.save(to_onnx(parameters), FOLDER / "digits.onnx")
    images.astype("<f4").tofile(FOLDER / "test.images.f32")
    labels.astype("u1").tofile(FOLDER / "test.labels.u8")
    reference(parameters, images).astype("<f4").tofile(FOLDER / "test.logits.f32")


def dataset():
    """Images in 0..1 of shape (n, 1, 8, 8) and their labels: the training part, the test part."""
    bunch = load_digits()
    images = (bunch.images / 16.0).astype(np.float32)[:, None]
    split = train_test_split(
        images, bunch.target, test_size=TEST_IMAGES, random_state=SEED, stratify=bunch.target
    )
    return (split[0], split[2]), (split[1], split[3])


def initial_parameters(rng):
    """He initialisation; zero biases."""

    def weights(*shape):
        fan_in = int(np.prod(shape[1:]))
        return rng.normal(0.0, np.sqrt(2.0 / fan_in), shape).astype(np.float32)

    first, second = CHANNELS
    return {
        "conv1.weight": weights(first, 1, 3, 3),
        "conv1.bias": np.zeros(first, np.float32),
        "conv2.weight": weights(second, first, 3, 3),
        "conv2.bias": np.zeros(second, np.float32),
        "fc1.weight": weights(HIDDEN, second * 4 * 4),
        "fc1.bias": np.zeros(HIDDEN, np.float32),
        "fc2.weight": weights(CLASSES, HIDDEN),
        "fc2.bias": np.zeros(CLASSES, np.float32),
    }


def fit(parameters, images, labels, rng):
    """Adam with a cosine schedule on images that are shifted by up to one pixel."""
    moments = {k: (np.zeros_like(v), np.zeros_like(v)) for k, v in parameters.items()}
    minibatches = len(images) // MINIBATCH
    for step in range(EPOCHS * minibatches):
        epoch, index = divmod(step, minibatches)
        if index == 0:
            order = rng.permutation(len(images))
        chosen = order[index * MINIBATCH : (index + 1) * MINIBATCH]
        loss, gradients = backward(parameters, shifted(images[chosen], rng), labels[chosen])
        rate = LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / (EPOCHS * minibatches)))
        adam(parameters, gradients, moments, step + 1, np.float32(rate))
        if index == minibatches - 1:
            print(f"epoch {epoch + 1:2} loss {loss:.4f}")
    return parameters


def shifted(images, rng):
    """Each image moved by -1, 0 or 1 pixels in both directions; what moves in is empty."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = rng.integers(0, 3, (len(images), 2))
    return np.stack([p[:, y : y + 8, x : x + 8] for p, (y, x) in zip(padded, moves)])


def adam(parameters, gradients, moments, step, rate):
    for name, gradient in gradients.items():
        mean, square = moments[name]
        mean += np.float32(0.1) * (gradient - mean)
        square += np.float32(0.001) * (gradient * gradient - square)
        direction = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
        decay = WEIGHT_DECAY * parameters[name] if name.endswith("weight") else 0
        parameters[name] -= (rate * (direction + decay)).astype(np.float32)


def forward(p, images):
    """Logits, and what the backward pass needs."""
    columns1, pre1 = convolve(images, p["conv1.weight"], p["conv1.bias"])
    act1 = np.maximum(pre1, 0)
    columns2, pre2 = convolve(act1, p["conv2.weight"], p["conv2.bias"])
    act2 = np.maximum(pre2, 0)
    n, c, h, w = act2.shape
    windows = act2.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 2, 4, 3, 5)
    windows = windows.reshape(n, c, h // 2, w // 2, 4)
    flat = windows.max(axis=4).reshape(n, -1)
    hidden = np.maximum(flat @ p["fc1.weight"].T + p["fc1.bias"], 0)
    logits = hidden @ p["fc2.weight"].T + p["fc2.bias"]
    return logits, (columns1, pre1, columns2, pre2, windows, flat, hidden)


def convolve(images, weight, bias):
    """3x3, stride 1, padding 1. Returns the columns too, shaped (n, h, w, c * 9)."""
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = sliding_window_view(padded, (3, 3), axis=(2, 3)).transpose(0, 2, 3, 1, 4, 5)
    columns = windows.reshape(*windows.shape[:3], -1)
    out = columns @ weight.reshape(len(weight), -1).T + bias
    return columns, out.transpose(0, 3, 1, 2)


def backward(p, images, labels):
    """Mean cross-entropy and its gradients."""
    logits, (columns1, pre1, columns2, pre2, windows, flat, hidden) = forward(p, images)
    shifted_logits = logits - logits.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted_logits).sum(axis=1, keepdims=True))
    probabilities = np.exp(shifted_logits - log_sum)
    rows = np.arange(len(labels))
    loss = float((log_sum[:, 0] - shifted_logits[rows, labels]).mean())

    d_logits = probabilities
    d_logits[rows, labels] -= 1
    d_logits /= len(labels)
    d_hidden = (d_logits @ p["fc2.weight"]) * (hidden > 0)
    d_flat = d_hidden @ p["fc1.weight"]
    d_pre2 = unpooled(d_flat, windows) * (pre2 > 0)
    d_weight2, d_bias2, d_columns2 = convolve_backward(d_pre2, columns2, p["conv2.weight"])
    d_pre1 = folded(d_columns2, CHANNELS[0]) * (pre1 > 0)
    d_weight1, d_bias1, _ = convolve_backward(d_pre1, columns1, p["conv1.weight"])
    return loss, {
        "conv1.weight": d_weight1,
        "conv1.bias": d_bias1,
        "conv2.weight": d_weight2,
        "conv2.bias": d_bias2,
        "fc1.weight": d_hidden.T @ flat,
        "fc1.bias": d_hidden.sum(axis=0),
        "fc2.weight": d_logits.T @ hidden,
        "fc2.bias": d_logits.sum(axis=0),
    }


def unpooled(gradient, windows):
    """The gradient of 2x2 max pooling: it goes to the largest of each window."""
    n, c, h, w, _ = windows.shape
    spread = np.zeros_like(windows)
    largest = windows.argmax(axis=4)[..., None]
    np.put_along_axis(spread, largest, gradient.reshape(n, c, h, w, 1), axis=4)
    return spread.reshape(n, c, h, w, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, 2 * h, 2 * w)


def convolve_backward(gradient, columns, weight):
    flat = gradient.transpose(0, 2, 3, 1).reshape(-1, len(weight))
    d_weight = flat.T @ columns.reshape(len(flat), -1)
    d_columns = flat @ weight.reshape(len(weight), -1)
    return d_weight.reshape(weight.shape), flat.sum(axis=0), d_columns


def folded(d_columns, channels):
    """Adds the columns' gradients up into the image that they were cut from."""
    d_columns = d_columns.reshape(-1, 8, 8, channels, 3, 3).transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros((len(d_columns), channels, 10, 10), np.float32)
    for y in range(3):
        for x in range(3):
            padded[:, :, y : y + 8, x : x + 8] += d_columns[:, :, y, x]
    return padded[:, :, 1:-1, 1:-1]


def reference(parameters, images):
    """The logits in double precision: what any correct implementation comes close to."""
    exact = {name: value.astype(np.float64) for name, value in parameters.items()}
    return forward(exact, images.astype(np.float64))[0]


def to_onnx(p):
    """The network as any exporter would write it, with a dynamic batch dimension."""
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "strides": [1, 1]}
    nodes = [
        node("Conv", ["image", "conv1.weight", "conv1.bias"], "conv1", **same),
        node("Relu", ["conv1"], "relu1"),
        node("Conv", ["relu1", "conv2.weight", "conv2.bias"], "conv2", **same),
        node("Relu", ["conv2"], "relu2"),
        node("MaxPool", ["relu2"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["pool"], "flat", axis=1),
        node("Gemm", ["flat", "fc1.weight", "fc1.bias"], "fc1", transB=1),
        node("Relu", ["fc1"], "relu3"),
        node("Gemm", ["relu3", "fc2.weight", "fc2.bias"], "logits", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "digits",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in p.items()],
    )
    opset = helper.make_opsetid("", 17)
    model = helper.make_model(graph, opset_imports=[opset], producer_name="clockwork zoo")
    model.ir_version = 8
    onnx.checker.check_model(model, full_check=True)
    return model


def node(operator, inputs, output, **attributes):
    return helper.make_node(operator, inputs, [output], name=output, **attributes)


if __name__ == "__main__":
    main()
