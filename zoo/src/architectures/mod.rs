//! The architectures, each as short as its paper's table. Their constants are those of torchvision, or
//! of timm where torchvision has none.

mod alexnet;
mod bert;
mod convnext;
mod densenet;
mod dpn;
mod efficientnet;
mod gate;
mod googlenet;
mod inception;
mod mnasnet;
mod mobilenet;
mod regnet;
mod resnest;
mod resnet;
mod shufflenet;
mod squeezenet;
mod vgg;
mod vit;
mod xception;

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
    ("vgg11", |net| vgg::build(net, [1, 1, 2, 2, 2])),
    ("vgg13", |net| vgg::build(net, [2, 2, 2, 2, 2])),
    ("vgg16", |net| vgg::build(net, [2, 2, 3, 3, 3])),
    ("vgg19", |net| vgg::build(net, [2, 2, 4, 4, 4])),
    ("alexnet", alexnet::build),
    ("squeezenet1_0", squeezenet::v1_0),
    ("squeezenet1_1", squeezenet::v1_1),
    ("googlenet", googlenet::build),
    ("inception_v3", inception::v3),
    ("inception_v4", inception::v4),
    ("inception_resnet_v2", inception::resnet_v2),
    ("xception41", xception::xception41),
    ("mobilenet_v2", mobilenet::v2),
    ("mobilenet_v3_small", mobilenet::v3_small),
    ("mobilenet_v3_large", mobilenet::v3_large),
    ("mobilenetv4_conv_small", mobilenet::v4_conv_small),
    ("mnasnet1_0", mnasnet::v1_0),
    ("efficientnet_b0", efficientnet::b0),
    ("tf_efficientnet_lite0", efficientnet::lite0),
    ("shufflenet_v2_x1_0", shufflenet::v2_x1_0),
    ("regnet_y_400mf", regnet::y_400mf),
    ("seresnet50", |net| ResNet::bottleneck([3, 4, 6, 3]).gated().build(net)),
    ("resnest50d", resnest::resnest50d),
    ("dpn68", dpn::dpn68),
    ("convnext_tiny", convnext::tiny),
    ("vit_b_16", vit::b_16),
    ("bert_tiny", bert::tiny),
    ("bert_base", bert::base),
];
