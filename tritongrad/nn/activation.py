"""Activations as modules: each calls the function of its name in nn.functional."""

from __future__ import annotations

import inspect
from typing import Any

from tritongrad.create import full
from tritongrad.nn import functional as F
from tritongrad.nn.module import Module
from tritongrad.nn.parameter import Parameter


def _activation(name: str, function: Any, **defaults: Any) -> Any:
    """A Module class whose arguments are handed to a function; REQUIRED ones have no default."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    signature = inspect.Signature(
        [inspect.Parameter(key, kind, default=value) for key, value in defaults.items()]
    )

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        Module.__init__(self)
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{name}: {error}") from None
        given.apply_defaults()
        for key, value in given.arguments.items():
            setattr(self, key, value)

    def forward(self: Any, input: Any) -> Any:
        return function(input, **{key: getattr(self, key) for key in defaults})

    def extra_repr(self: Any) -> str:
        values = {} if name in BARE else {key: getattr(self, key) for key in defaults}
        if not values.get("inplace", True):
            del values["inplace"]
        return ", ".join(f"{key}={value!r}" for key, value in values.items())

    body = {
        "__init__": __init__,
        "forward": forward,
        "extra_repr": extra_repr,
        "__signature__": signature,
        "__doc__": function.__doc__,
        "__module__": __name__,
    }
    return type(name, (Module,), body)


BARE = ("Hardsigmoid", "Hardswish")  # PyTorch shows nothing of these
REQUIRED = inspect.Parameter.empty
CELU = _activation("CELU", F.celu, alpha=1.0, inplace=False)
ELU = _activation("ELU", F.elu, alpha=1.0, inplace=False)
GELU = _activation("GELU", F.gelu, approximate="none")
GLU = _activation("GLU", F.glu, dim=-1)
Hardsigmoid = _activation("Hardsigmoid", F.hardsigmoid, inplace=False)
Hardswish = _activation("Hardswish", F.hardswish, inplace=False)
Hardtanh = _activation("Hardtanh", F.hardtanh, min_val=-1.0, max_val=1.0, inplace=False)
LeakyReLU = _activation("LeakyReLU", F.leaky_relu, negative_slope=0.01, inplace=False)
LogSigmoid = _activation("LogSigmoid", F.logsigmoid)
LogSoftmax = _activation("LogSoftmax", F.log_softmax, dim=None)
Mish = _activation("Mish", F.mish, inplace=False)
ReLU = _activation("ReLU", F.relu, inplace=False)
ReLU6 = _activation("ReLU6", F.relu6, inplace=False)
SELU = _activation("SELU", F.selu, inplace=False)
SiLU = _activation("SiLU", F.silu, inplace=False)
Sigmoid = _activation("Sigmoid", F.sigmoid)
Softmax = _activation("Softmax", F.softmax, dim=None)
Softmin = _activation("Softmin", F.softmin, dim=None)
Softplus = _activation("Softplus", F.softplus, beta=1.0, threshold=20.0)
Softsign = _activation("Softsign", F.softsign)
Tanh = _activation("Tanh", F.tanh)
Tanhshrink = _activation("Tanhshrink", F.tanhshrink)
Threshold = _activation("Threshold", F.threshold, threshold=REQUIRED, value=REQUIRED, inplace=False)


class PReLU(Module):
    """x where x > 0, else weight * x, with a weight that is learned, or one for each channel."""

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters = num_parameters
        self.weight = Parameter(full((num_parameters,), float(init), device=device, dtype=dtype))

    def forward(self, input: Any) -> Any:
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"


class Softmax2d(Module):
    """softmax over the channels of (batch, channels, height, width)."""

    def forward(self, input: Any) -> Any:
        if input.ndim not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.ndim}D instead")
        return F.softmax(input, -3)
