"""Initialisers: the weights' distribution by name, drawn from one generator.

Draws are in float32 on the CPU, in the order of ``named_parameters``, then copied to wherever the
network is: equal seeds give equal networks on every device.

A weight's fans are its input and output channels times the kernel's pixels. "Truncated" is
TensorFlow's way: normal draws beyond two standard deviations are drawn again.

References
----------
Lee, Ajanthan, Torr, "SNIP", ICLR 2019, section 5.5 and table 3 (RN, TN, VS-X, VS-H) and the
authors' code (`vs`); LeCun et al. 1998, Glorot and Bengio 2010, He et al. 2015 for the variances.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from common import names
from common.errors import Refused, unknown
from common.models.roles import Role, owner, role

Rule = Callable[[Sequence[int], torch.Generator, float], Tensor]

TRUNCATED_SD = 0.87962566  # of a standard normal without its values beyond two


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    pixels = math.prod(shape[2:])
    return shape[1] * pixels, shape[0] * pixels


def _normal(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float32)


def _truncated(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    draw = _normal(shape, generator)
    while (outside := draw.abs() > 2).any():
        draw[outside] = _normal((int(outside.sum()),), generator)
    return draw


def _scaled_truncated(shape: Sequence[int], generator: torch.Generator, variance: float) -> Tensor:
    return _truncated(shape, generator) * (math.sqrt(variance) / TRUNCATED_SD)


def default(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return PyTorch's default for linear and convolutional layers: U(+-1 / sqrt(fan_in)).

    `sd` is not used. Biases, zero under every other name, have the same bounds here.
    """
    weight = torch.empty(tuple(shape), dtype=torch.float32)
    return nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)


def vs(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a truncated normal of variance 1 / fan_in, TensorFlow's variance scaling (LeCun).

    What SNIP's code draws where its text cites Glorot. `sd` is not used.
    """
    return _scaled_truncated(shape, generator, 1 / _fans(shape)[0])


def vs_x(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a truncated normal of variance 2 / (fan_in + fan_out) (Glorot). `sd` is not used."""
    return _scaled_truncated(shape, generator, 2 / sum(_fans(shape)))


def vs_h(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a truncated normal of variance 2 / fan_in (He). `sd` is not used."""
    return _scaled_truncated(shape, generator, 2 / _fans(shape)[0])


def rn(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a normal of standard deviation `sd` in every layer."""
    return _normal(shape, generator) * sd


def tn(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a normal of standard deviation `sd`, truncated at two of it.

    As in TensorFlow the variance is not corrected afterwards: what is drawn has 0.88 `sd`.
    """
    return _truncated(shape, generator) * sd


def xavier_normal(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a normal of variance 2 / (fan_in + fan_out) (Glorot), not truncated."""
    return _normal(shape, generator) * math.sqrt(2 / sum(_fans(shape)))


def kaiming_normal(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a normal of variance 2 / fan_in (He, for ReLU), not truncated."""
    return _normal(shape, generator) * math.sqrt(2 / _fans(shape)[0])


def kaiming_normal_norm_uniform(
    shape: Sequence[int], generator: torch.Generator, sd: float
) -> Tensor:
    """Return `kaiming_normal`; norm layers' weights are drawn from U(0, 1) besides.

    References
    ----------
    facebookresearch/open_lth, models/bn_initializers.py (Frankle et al. 2021).
    """
    return kaiming_normal(shape, generator, sd)


def kaiming_fan_out(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a normal of variance 2 / fan_out (He, for ReLU), not truncated."""
    return _normal(shape, generator) * math.sqrt(2 / _fans(shape)[1])


def fan_out_small_head(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return `kaiming_fan_out` for kernels and a normal of standard deviation 0.01 for matrices.

    References
    ----------
    alecwangcq/GraSP, models/base/init_utils.py; torchvision's VGG draws the same.
    """
    return (
        _normal(shape, generator) * 0.01
        if len(shape) == 2
        else kaiming_fan_out(shape, generator, sd)
    )


def fan_out_default_head(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return `kaiming_fan_out` for kernels and PyTorch's default draw for matrices.

    References
    ----------
    ganguli-lab/Synaptic-Flow, Models/imagenet_resnet.py; torchvision's ResNet draws the same.
    """
    rule = default if len(shape) == 2 else kaiming_fan_out
    return rule(shape, generator, sd)


def orthogonal(shape: Sequence[int], generator: torch.Generator, sd: float) -> Tensor:
    """Return a matrix with orthonormal rows or columns, kernels flattened from the second axis on.

    References
    ----------
    Saxe, McClelland, Ganguli 2014 (arXiv 1312.6120).
    """
    return nn.init.orthogonal_(torch.empty(tuple(shape)), generator=generator)


def initialise_(
    model: nn.Module, name: str, generator: torch.Generator, sd: float = 1.0
) -> nn.Module:
    """Draw every parameter of `model` anew, in place, and return it.

    Parameters
    ----------
    model : nn.Module
        Any network. Its weights and biases are told apart as in `common.models.roles`.
    name : str
        An initialiser of `common.names.INITIALISERS`. It draws the weights; biases become zero
        (`default` draws them too), norm layers' weights 1 (`kaiming_normal_norm_uniform` draws
        them) and biases 0, and running statistics are reset. Any other parameter of a network from
        `build` returns to its value there.
    generator : torch.Generator
        On the CPU; the global generator is left alone.
    sd : float
        Standard deviation for `rn` and `tn`.

    Raises
    ------
    Refused
        If the name is unknown, `sd` is not positive, the generator is not on the CPU, or a
        parameter is of no known role. The network is then unchanged.
    """
    rule = _rule(name)
    if not (math.isfinite(sd) and sd > 0):
        raise Refused(f"sd {sd}: the standard deviation of an initialiser must be positive")
    if generator.device.type != "cpu":
        raise Refused(f"generator on {generator.device}: initialisers draw on the CPU alone")
    as_built: dict[str, Tensor] = getattr(model, "as_built", {})
    roles = {path: role(*owner(model, path)) for path, _ in model.named_parameters()}
    for path, kind in roles.items():
        if kind == "other" and path not in as_built:
            raise Refused(f"no initialiser for parameter {path!r}: name it in its module's "
                          "prunable_names or bias_names")  # fmt: skip
    with torch.no_grad():
        for path, parameter in model.named_parameters():
            if roles[path] == "weight":
                parameter.copy_(rule(parameter.shape, generator, sd))
            elif roles[path] == "other":
                parameter.copy_(as_built[path])
            else:
                fill = _vector(*owner(model, path), roles[path], rule, generator)
                parameter.copy_(fill)
        for module in model.modules():
            if isinstance(module, _NormBase):
                module.reset_running_stats()
    return model


def initialise_linear_(
    model: nn.Module, name: str, generator: torch.Generator, sd: float = 1.0
) -> nn.Module:
    """Draw the weights of the linear layers of `model` anew, in place, and return it.

    Parameters and refusals as of `initialise_`; everything else keeps its values.

    References
    ----------
    alecwangcq/GraSP, pruner/GraSP.py: the network is scored with such a head and trained with
    another.
    """
    rule = _rule(name)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                module.weight.copy_(rule(module.weight.shape, generator, sd))
    return model


def _rule(name: str) -> Rule:
    if name not in names.INITIALISERS:
        raise unknown("initialiser", name, names.INITIALISERS)
    return pkgutil.resolve_name(names.INITIALISERS[name])


def _vector(
    module: nn.Module, name: str, kind: Role, rule: Rule, generator: torch.Generator
) -> Tensor:
    """Return a bias, or a norm layer's weight or bias, as it should be at initialisation."""
    vector: Tensor = getattr(module, name)
    if kind == "norm" and name == "weight" and rule is kaiming_normal_norm_uniform:
        return torch.rand(vector.shape, generator=generator)
    if kind == "norm":
        return torch.full(vector.shape, float(name == "weight"))
    if rule is not default:
        return torch.zeros(vector.shape)
    weight: Tensor = getattr(module, getattr(module, "prunable_names", ("weight",))[0])
    bound = 1 / math.sqrt(_fans(weight.shape)[0])
    return torch.empty(vector.shape).uniform_(-bound, bound, generator=generator)
