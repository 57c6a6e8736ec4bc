"""Convolutions as modules."""

from __future__ import annotations

import math
from typing import Any

from tritongrad.create import empty
from tritongrad.nn import functional as F
from tritongrad.nn import init
from tritongrad.nn.module import Module
from tritongrad.nn.parameter import Parameter


def _tuple(value: Any, n: int) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * n


def _check_padding(padding: Any, stride: tuple) -> None:
    """Refuse words that say nothing, and "same" where the steps make the result smaller."""
    if isinstance(padding, str) and padding not in ("valid", "same"):
        raise ValueError(f"padding must be 'valid', 'same' or numbers, got {padding!r}")
    if padding == "same" and any(s != 1 for s in stride):
        raise ValueError("padding='same' is not supported for strided convolutions")


class Conv(Module):
    """Base of the convolutions over `dims` dims."""

    dims = 2
    transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if channels % groups:
                raise ValueError(f"{name} must be divisible by groups")
        if padding_mode not in ("zeros", "reflect", "replicate", "circular"):
            raise ValueError(f"padding_mode: unrecognised {padding_mode!r}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = _tuple(kernel_size, self.dims)
        self.stride = _tuple(stride, self.dims)
        self.padding = padding if isinstance(padding, str) else _tuple(padding, self.dims)
        _check_padding(padding, self.stride)
        self.dilation = _tuple(dilation, self.dims)
        self.output_padding = (0,) * self.dims
        self.groups, self.padding_mode = groups, padding_mode
        one, other = out_channels, in_channels
        if self.transposed:
            one, other = other, one
        shape = (one, other // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform in 1 / sqrt(fan_in), as PyTorch's."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init.fans(self.weight)
            bound = 1 / math.sqrt(max(fan_in, 1))
            init.uniform_(self.bias, -bound, bound)

    def _padded(self, input: Any) -> tuple[Any, Any]:
        """The input and the padding that is left to do."""
        if self.padding_mode == "zeros":
            return input, self.padding
        if self.padding == "valid":
            return input, 0
        counts: list[Any] = []
        for i in reversed(range(self.dims)):
            if self.padding == "same":
                reach = self.dilation[i] * (self.kernel_size[i] - 1)
                counts += (reach // 2, reach - reach // 2)
            else:
                counts += (self.padding[i], self.padding[i])
        return F.pad(input, counts, self.padding_mode), 0

    def extra_repr(self) -> str:
        text = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            if getattr(self, name) != (usual,) * self.dims:
                text += f", {name}={getattr(self, name)}"
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        return text + (
            "" if self.padding_mode == "zeros" else f", padding_mode={self.padding_mode}"
        )


class Conv1d(Conv):
    """Sums of products of weight with the parts of (batch, channels, length)."""

    dims = 1

    def forward(self, input: Any) -> Any:
        x, padding = self._padded(input)
        return F.conv1d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class Conv2d(Conv):
    """Sums of products of weight with the patches of (batch, channels, height, width)."""

    def forward(self, input: Any) -> Any:
        x, padding = self._padded(input)
        return F.conv2d(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)


class ConvTranspose2d(Conv):
    """The gradient of Conv2d by its input, as a layer: each pixel spreads weight over a patch."""

    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, bias: bool = True,
        dilation: Any = 1, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros" or isinstance(padding, str):
            raise ValueError('ConvTranspose2d: only numbers and "zeros" are supported as padding')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, device, dtype,
        )  # fmt: skip
        self.output_padding = _tuple(output_padding, 2)

    def forward(self, input: Any, output_size: Any = None) -> Any:
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip

    def _extra(self, input: Any, output_size: Any) -> tuple:
        """The output_padding that makes a result of output_size: two sizes, or the whole shape."""
        wanted = tuple(output_size)[-2:]
        sides = zip(
            input.shape[-2:], self.stride, self.padding, self.dilation, self.kernel_size,
            strict=True,
        )  # fmt: skip
        least = tuple((n - 1) * s - 2 * p + d * (k - 1) + 1 for n, s, p, d, k in sides)
        extra = tuple(w - n for w, n in zip(wanted, least, strict=False))
        room = tuple(zip(extra, self.stride, strict=False))
        if len(output_size) not in (2, input.ndim) or any(not 0 <= e < s for e, s in room):
            raise ValueError(
                f"ConvTranspose2d: requested an output_size of {list(output_size)}, but valid "
                f"sizes range from {list(least)} to "
                f"{[n + s - 1 for n, s in zip(least, self.stride, strict=True)]} (for an input of "
                f"{list(input.shape)})"
            )
        return extra
