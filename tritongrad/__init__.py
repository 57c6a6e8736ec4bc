"""PyTorch's eager programming model without PyTorch: NumPy on the CPU, Triton kernels on the GPU."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import autograd as autograd
from . import create
from .autograd import enable_grad as enable_grad
from .autograd import inference_mode as inference_mode
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import is_inference_mode_enabled as is_inference_mode_enabled
from .autograd import no_grad as no_grad
from .autograd import set_grad_enabled as set_grad_enabled
from .comparing import allclose as allclose
from .comparing import broadcast_shapes as broadcast_shapes
from .comparing import equal as equal
from .comparing import is_floating_point as is_floating_point
from .comparing import is_tensor as is_tensor
from .comparing import isclose as isclose
from .comparing import numel as numel
from .comparing import promote_types as promote_types
from .comparing import result_type as result_type
from .cpu.team import get_num_threads as get_num_threads
from .cpu.team import set_num_threads as set_num_threads
from .create import arange as arange
from .create import as_tensor as as_tensor
from .create import asarray as asarray
from .create import empty as empty
from .create import empty_like as empty_like
from .create import eye as eye
from .create import from_numpy as from_numpy
from .create import full as full
from .create import full_like as full_like
from .create import linspace as linspace
from .create import logspace as logspace
from .create import ones as ones
from .create import ones_like as ones_like
from .create import zeros as zeros
from .create import zeros_like as zeros_like
from .devices import device as device
from .devices import get_default_device as get_default_device
from .devices import set_default_device as set_default_device
from .dtype import bfloat16 as bfloat16
from .dtype import bool_ as bool
from .dtype import dtype as dtype
from .dtype import finfo as finfo
from .dtype import float16 as float16
from .dtype import float32 as float32
from .dtype import float64 as float64
from .dtype import get_default_dtype as get_default_dtype
from .dtype import iinfo as iinfo
from .dtype import int8 as int8
from .dtype import int16 as int16
from .dtype import int32 as int32
from .dtype import int64 as int64
from .dtype import set_default_dtype as set_default_dtype
from .dtype import uint8 as uint8
from .errors import OutOfMemoryError as OutOfMemoryError
from .ops.masks import where as where
from .precision import get_float32_matmul_precision as get_float32_matmul_precision
from .precision import set_float32_matmul_precision as set_float32_matmul_precision
from .printing import set_printoptions as set_printoptions
from .random import Generator as Generator
from .random import bernoulli as bernoulli
from .random import default_generator as default_generator
from .random import get_rng_state as get_rng_state
from .random import initial_seed as initial_seed
from .random import manual_seed as manual_seed
from .random import multinomial as multinomial
from .random import normal as normal
from .random import rand as rand
from .random import rand_like as rand_like
from .random import randint as randint
from .random import randint_like as randint_like
from .random import randn as randn
from .random import randn_like as randn_like
from .random import randperm as randperm
from .random import seed as seed
from .random import set_rng_state as set_rng_state
from .tensor import Tensor as Tensor
from .tensor_base import Size as Size
from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import cuda as cuda
    from . import testing as testing
    from .drawing import draw as draw
    from .plotting import plot as plot

tensor = create.tensor  # the function, not the module of that name
float = float32
double = float64
half = float16
long = int64
int = int32
short = int16

# The functions of these modules are public names, as they are declared there.
_OPERATIONS = (
    "ops.elementwise",
    "ops.activation",
    "ops.compare",
    "ops.statistics",  # before reduce: its forms of var, std and norm are the public ones
    "ops.reduce",
    "ops.scan",
    "ops.linalg",
    "ops.einsum",
    "ops.view",
    "ops.slices",
    "ops.split",
    "ops.strided",
    "ops.copy",
    "ops.shape",
    "ops.index",
    "ops.masks",
    "ops.order",
    "ops.nn",
)
_LAZY = ("accelerator", "backends", "cuda", "kernels", "nn", "optim", "testing", "utils")
_LAZY_FUNCTIONS = {"draw": ".drawing", "plot": ".plotting"}
_NOT_PUBLIC = ("slices", "embed", "copy", "zero", "embedding_backward")


def _publish() -> None:
    for name in _OPERATIONS:
        try:
            module = importlib.import_module(f".{name}", __name__)
        except ImportError:
            continue
        for key, value in vars(module).items():
            if key in _NOT_PUBLIC or key.startswith("_"):
                continue
            if getattr(value, "__module__", "") == module.__name__:
                globals().setdefault(key, value)


_publish()


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return importlib.import_module(f".{name}", __name__)
    if name in _LAZY_FUNCTIONS:
        function = getattr(importlib.import_module(_LAZY_FUNCTIONS[name], __name__), name)
        return globals().setdefault(name, function)
    raise AttributeError(f"module 'tritongrad' has no attribute {name!r}")
