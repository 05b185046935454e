"""LeNet-300-100 and LeNet-5-Caffe.

References
----------
LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition", 1998;
the second net in the form of Caffe's MNIST example, which SNIP (Lee et al., ICLR 2019) prunes.
"""

from __future__ import annotations

from collections import OrderedDict
from math import prod

from torch import nn

from common.models.shapes import Shape, at_least, scaled


def lenet_300_100(
    classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0
) -> nn.Module:
    """Return the fully connected net 784-300-100-10 with ReLU (266,200 weights, 410 biases).

    Parameters as in `common.models.build`; images of any size are flattened.
    """
    first, second = scaled(300, width), scaled(100, width)
    return nn.Sequential(
        OrderedDict(
            flatten=nn.Flatten(),
            fc1=nn.Linear(prod(in_shape), first),
            relu1=nn.ReLU(),
            fc2=nn.Linear(first, second),
            relu2=nn.ReLU(),
            fc3=nn.Linear(second, classes),
        )
    )


def lenet5_caffe(classes: int = 10, in_shape: Shape = (1, 28, 28), width: float = 1.0) -> nn.Module:
    """Return the convolutional net 20-50-500-10 of Caffe (430,500 weights, 580 biases).

    Two 5x5 convolutions without padding, each followed by 2x2 max-pooling and, as in Caffe and in
    SNIP's code, by no ReLU; the only ReLU follows ``fc1``. Parameters as in `common.models.build`.

    Raises
    ------
    Refused
        If the images are smaller than 16x16.
    """
    at_least(in_shape, 16, "lenet5_caffe")
    first, second, hidden = scaled(20, width), scaled(50, width), scaled(500, width)
    pixels = prod(((side - 4) // 2 - 4) // 2 for side in in_shape[1:])
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_shape[0], first, 5),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(first, second, 5),
            pool2=nn.MaxPool2d(2),
            flatten=nn.Flatten(),
            fc1=nn.Linear(second * pixels, hidden),
            relu1=nn.ReLU(),
            fc2=nn.Linear(hidden, classes),
        )
    )
