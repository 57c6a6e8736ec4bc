"""Normalisation as modules."""

from __future__ import annotations

from typing import Any

from tritongrad.create import ones, zeros
from tritongrad.nn import functional as F
from tritongrad.nn.module import Module
from tritongrad.nn.parameter import Parameter


class Affine(Module):
    """Base of the norms: a weight of ones and a bias of zeros, or None."""

    weight: Any
    bias: Any

    def _affine(self, shape: tuple, weight: bool, bias: bool, device: Any, dtype: Any) -> None:
        for name, wanted, make in (("weight", weight, ones), ("bias", bias, zeros)):
            made = Parameter(make(shape, device=device, dtype=dtype)) if wanted else None
            self.register_parameter(name, made)

    def reset_parameters(self) -> None:
        """Ones and zeros again."""
        for parameter, value in ((self.weight, 1), (self.bias, 0)):
            if parameter is not None:
                parameter.detach().fill_(value)


class BatchNorm(Affine):
    """Each channel (dim 1) less its mean, by its deviation, * weight + bias.

    In training both are the batch's, and move the running ones, which evaluation uses.
    """

    sizes: tuple = (2, 3, 4, 5)
    running_mean: Any
    running_var: Any
    num_batches_tracked: Any
    _optional = ("num_batches_tracked",)

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True, device: Any = None,
        dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._affine((num_features,), affine, affine and bias, device, dtype)
        kept = track_running_stats
        shape = (num_features,)
        mean = zeros(shape, device=device, dtype=dtype) if kept else None
        var = ones(shape, device=device, dtype=dtype) if kept else None
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", var)
        count = zeros((), device=device, dtype="int64") if kept else None
        self.register_buffer("num_batches_tracked", count)

    def reset_running_stats(self) -> None:
        """Forget the batches."""
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self) -> None:
        """Ones, zeros, and no batches."""
        self.reset_running_stats()
        super().reset_parameters()

    def forward(self, input: Any) -> Any:
        if input.ndim not in self.sizes:
            wanted = " or ".join(f"{n}D" for n in self.sizes)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")
        momentum = 0.0 if self.momentum is None else self.momentum
        count = self.num_batches_tracked
        if self.training and count is not None:
            count.add_(1)
            if self.momentum is None:  # the mean of all batches so far
                momentum = 1.0 / float(count)
        moved = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if moved else None,
            self.running_var if moved else None,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
        )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(BatchNorm):
    """BatchNorm of (batch, channels) or (batch, channels, length)."""

    sizes = (2, 3)


class BatchNorm2d(BatchNorm):
    """BatchNorm of (batch, channels, height, width)."""

    sizes = (4,)


class BatchNorm3d(BatchNorm):
    """BatchNorm of (batch, channels, depth, height, width)."""

    sizes = (5,)


class InstanceNorm2d(Affine):
    """Each channel of each image less its mean, by its deviation."""

    sizes = (3, 4)

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float = 0.1, affine: bool = False,
        track_running_stats: bool = False, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if track_running_stats:
            raise ValueError("InstanceNorm: track_running_stats=True is not supported")
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine = affine
        self._affine((num_features,), affine, affine, device, dtype)

    def forward(self, input: Any) -> Any:
        single = input.ndim == self.sizes[0]
        x = input.unsqueeze(0) if single else input
        y = F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        return y.squeeze(0) if single else y

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, track_running_stats=False"
        )


class InstanceNorm1d(InstanceNorm2d):
    """Each channel of each sequence less its mean, by its deviation."""

    sizes = (2, 3)


class LayerNorm(Affine):
    """x less its mean, by its deviation, over the last dims, * weight + bias."""

    def __init__(
        self, normalized_shape: Any, eps: float = 1e-5, elementwise_affine: bool = True,
        bias: bool = True, device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._affine(
            self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype
        )

    def forward(self, input: Any) -> Any:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Affine):
    """x by the root of the mean of its squares over the last dims, * weight."""

    def __init__(
        self, normalized_shape: Any, eps: float | None = None, elementwise_affine: bool = True,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.bias = None
        shape = self.normalized_shape
        made = Parameter(ones(shape, device=device, dtype=dtype)) if elementwise_affine else None
        self.register_parameter("weight", made)

    def forward(self, input: Any) -> Any:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Affine):
    """LayerNorm over the channels of each group and all that is in them; weights by channel."""

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        device: Any = None, dtype: Any = None, *, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        self._affine((num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input: Any) -> Any:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


def _shape(value: Any) -> tuple:
    return (value,) if isinstance(value, int) else tuple(value)
