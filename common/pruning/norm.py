"""Batch norm that is cheap to differentiate twice.

PyTorch forms the second derivative of batch norm from some thirty operations on whole feature maps,
which took half of the time of a Hessian-gradient product. Its backward pass is linear in the
gradient and its own adjoint, so one fused backward call and one linear combination do.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class TwiceDifferentiableNorm(TorchFunctionMode):
    """Replaces batch norm in training mode, where its own weight and bias need no gradient.

    Values and derivatives are those of PyTorch up to rounding; running statistics are left alone.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Run `func`, or the replacement."""
        kwargs = kwargs or {}
        if func is F.batch_norm and kwargs.get("training"):
            weight, bias = kwargs.get("weight"), kwargs.get("bias")
            if not any(t is not None and t.requires_grad for t in (weight, bias)):
                return _Norm.apply(args[0], weight, bias, kwargs["eps"])
        return func(*args, **kwargs)


class _Norm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float):
        out, mean, scale = torch.native_batch_norm(x, weight, bias, None, None, True, 0.0, eps)
        ctx.save_for_backward(x, weight, mean, scale)
        ctx.eps = eps
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        x, weight, mean, scale = ctx.saved_tensors
        return _NormBackward.apply(gradients[0], x, weight, mean, scale, ctx.eps), None, None, None


class _NormBackward(Function):
    """The map from dL/dy to dL/dx: P(dL/dy) = w s (1 - mean - z mean(z .)) dL/dy, z = s (x - mean).

    Means are over examples and positions of a channel, s is 1 / its standard deviation.
    """

    @staticmethod
    def forward(
        ctx: Any,
        dy: Tensor,
        x: Tensor,
        weight: Tensor | None,
        mean: Tensor,
        scale: Tensor,
        eps: float,
    ) -> Tensor:
        dx, dots, sums = _backward(dy, x, weight, mean, scale, eps)
        ctx.save_for_backward(dy, x, weight, mean, scale, dots, sums)
        ctx.eps = eps
        return dx

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the derivatives of <v, P(dy)> by dy and x, for v the gradient given.

        By dy it is P(v). By x, with S = mean(v dy), a = mean(dy), b = mean(dy z), and va, vb
        likewise of v: <v, P(dy)> = n w s (S - a va - b vb), and z and s depend on x.
        """
        (v,) = gradients
        dy, x, weight, mean, scale, dots, sums = ctx.saved_tensors
        by_dy, v_dots, v_sums = _backward(v, x, weight, mean, scale, ctx.eps)
        n = x.numel() / x.shape[1]
        axes = [0, *range(2, x.dim())]
        a, b, va, vb = sums / n, dots / n, v_sums / n, v_dots / n
        factor = scale.square() if weight is None else weight * scale.square()
        inner = factor * ((v * dy).sum(axes) / n - a * va - b * vb)
        # dL/dz = -w s (vb dy + b v), passed back through z as P does, and dL/ds through s.
        by_z = scale * (2 * factor * b * vb - inner)
        rest = factor * (vb * a + b * va) - by_z * mean
        shape = (1, -1) + (1,) * (x.dim() - 2)
        by_x = torch.addcmul(rest.view(shape), x, by_z.view(shape))
        by_x.addcmul_(dy, (-factor * vb).view(shape)).addcmul_(v, (-factor * b).view(shape))
        return by_dy, by_x, None, None, None, None


def _backward(
    dy: Tensor, x: Tensor, weight: Tensor | None, mean: Tensor, scale: Tensor, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Return P(dy) and, a channel, the sums of dy z and of dy."""
    dx, dots, sums = torch.ops.aten.native_batch_norm_backward(
        dy, x, weight, None, None, mean, scale, True, eps, [True, True, True]
    )
    return dx, dots, sums
