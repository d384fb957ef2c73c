//! The architectures, each as short as its paper's table. Their constants are those of torchvision, or
//! of timm where torchvision has none.

mod densenet;
mod mnasnet;
mod mobilenet;
mod resnet;
mod squeezenet;

use crate::net::{Net, Value};
use densenet::DenseNet;
use resnet::ResNet;

/// Adds an architecture to an empty network; the result is its output.
pub(crate) type Build = fn(&Net) -> Value<'_>;

/// All of them by name, family by family.
pub(crate) const ALL: &[(&str, Build)] = &[
    ("resnet18", |net| ResNet::basic([2, 2, 2, 2]).build(net)),
    ("resnet34", |net| ResNet::basic([3, 4, 6, 3]).build(net)),
    ("resnet50", |net| ResNet::bottleneck([3, 4, 6, 3]).build(net)),
    ("resnet101", |net| ResNet::bottleneck([3, 4, 23, 3]).build(net)),
    ("resnet152", |net| ResNet::bottleneck([3, 8, 36, 3]).build(net)),
    ("resnext50_32x4d", |net| ResNet::grouped([3, 4, 6, 3], 32, 4).build(net)),
    ("resnext101_32x8d", |net| ResNet::grouped([3, 4, 23, 3], 32, 8).build(net)),
    ("wide_resnet50_2", |net| ResNet::grouped([3, 4, 6, 3], 1, 128).build(net)),
    ("densenet121", |net| DenseNet { layers: [6, 12, 24, 16], growth: 32, stem: 64 }.build(net)),
    ("densenet161", |net| DenseNet { layers: [6, 12, 36, 24], growth: 48, stem: 96 }.build(net)),
    ("densenet169", |net| DenseNet { layers: [6, 12, 32, 32], growth: 32, stem: 64 }.build(net)),
    ("densenet201", |net| DenseNet { layers: [6, 12, 48, 32], growth: 32, stem: 64 }.build(net)),
    ("squeezenet1_0", squeezenet::v1_0),
    ("squeezenet1_1", squeezenet::v1_1),
    ("mobilenet_v2", mobilenet::v2),
    ("mnasnet1_0", mnasnet::v1_0),
];
