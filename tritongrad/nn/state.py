"""What a Module does to all its tensors at once: move, train, freeze, save and load."""

from __future__ import annotations

from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from tritongrad.autograd.modes import no_grad
from tritongrad.autograd.variable import Variable
from tritongrad.dtype import as_dtype, dtype


class IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """Names that a module has and a state_dict lacks, and the other way round."""

    __slots__ = ()

    def __repr__(self) -> str:
        return super().__repr__() if any(self) else "<All keys matched successfully>"

    __str__ = __repr__


class Stateful:
    """The part of Module that treats its parameters and buffers as one state."""

    training: bool
    _parameters: dict
    _buffers: dict
    _not_persistent: set
    _optional: tuple[str, ...] = ()  # what an old state_dict may lack
    modules: Callable
    children: Callable
    named_modules: Callable
    parameters: Callable

    def apply(self, fn: Callable) -> Any:
        """Call fn on every module of the tree, children first."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True) -> Any:
        """Switch the tree to training (Dropout drops, BatchNorm learns)."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: the mode must be a bool, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Switch the tree to evaluation."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Freeze or release all parameters."""
        for p in self.parameters():
            p.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for p in self.parameters():
            if p.grad is not None:
                if set_to_none:
                    p.grad = None
                else:
                    p.grad.detach().zero_()

    def _apply(self, change: Callable) -> Any:
        """Replace the array of every parameter, gradient and buffer by that of change(tensor)."""
        done = set()
        for module in self.modules():
            for t in (*module._parameters.values(), *module._buffers.values()):
                if t is None or id(t) in done:
                    continue
                done.add(id(t))
                with no_grad():
                    t._array = change(t.detach())._array
                    if t.grad is not None:
                        t.grad = change(t.grad)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a device, convert floating tensors to a dtype, or both, in place."""
        floating = kwargs.pop("dtype", None)
        device = kwargs.pop("device", None)
        for a in args:
            if isinstance(a, Variable):
                device, floating = a.device, a.dtype
            elif isinstance(a, dtype):
                floating = a
            elif not isinstance(a, bool):
                device = a
        if floating is not None and not as_dtype(floating).is_floating_point:
            raise TypeError(f"Module.to accepts only floating point dtypes, got {floating}")

        def change(t: Any) -> Any:
            return t.to(device=device, dtype=floating if t.is_floating_point() else None)

        return self._apply(change)

    def cpu(self) -> Any:
        """Move to the CPU."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Any:
        """Move to a GPU."""
        return self.to("cuda" if device is None else device)

    def float(self) -> Any:
        """Convert floating tensors to float32."""
        return self.to(dtype=as_dtype("float32"))

    def double(self) -> Any:
        """Convert floating tensors to float64."""
        return self.to(dtype=as_dtype("float64"))

    def half(self) -> Any:
        """Convert floating tensors to float16."""
        return self.to(dtype=as_dtype("float16"))

    def bfloat16(self) -> Any:
        """Convert floating tensors to bfloat16."""
        return self.to(dtype=as_dtype("bfloat16"))

    def state_dict(self, destination: Any = None, prefix: str = "", keep_vars: bool = False) -> Any:
        """Dotted names and tensors of all parameters and persistent buffers; memory is shared."""
        state = OrderedDict() if destination is None else destination
        for path, module in self.named_modules(prefix=prefix.rstrip("."), remove_duplicate=False):
            for table in (module._parameters, module._buffers):
                for name, t in table.items():
                    if t is not None and name not in module._not_persistent:
                        key = f"{path}.{name}" if path else name
                        state[key] = t if keep_vars else t.detach()
        return state

    def load_state_dict(self, state_dict: Any, strict: bool = True, assign: bool = False) -> Any:
        """Copy the tensors of a state_dict into the parameters and buffers of the same names.

        Nothing is copied unless all shapes fit, and, if `strict`, all names match.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        own = self.state_dict(keep_vars=True)
        optional = {
            f"{path}.{name}" if path else name
            for path, module in self.named_modules(remove_duplicate=False)
            for name in module._optional
        }
        missing = [k for k in own if k not in state_dict and k not in optional]
        unexpected = [k for k in state_dict if k not in own]
        errors = [
            f"size mismatch for {k}: copying a param with shape {list(state_dict[k].shape)} from "
            f"checkpoint, the shape in current model is {list(t.shape)}."
            for k, t in own.items()
            if k in state_dict and tuple(state_dict[k].shape) != tuple(t.shape)
        ]
        if strict and unexpected:
            errors.insert(0, f"Unexpected key(s) in state_dict: {_quoted(unexpected)}.")
        if strict and missing:
            errors.insert(0, f"Missing key(s) in state_dict: {_quoted(missing)}.")
        if errors:
            raise RuntimeError(
                f"Error(s) in loading state_dict for {type(self).__name__}:\n\t"
                + "\n\t".join(errors)
            )
        with no_grad():
            for key, t in own.items():
                if key in state_dict:
                    if assign:
                        t._array = state_dict[key]._array
                    else:
                        t.copy_(state_dict[key])
        return IncompatibleKeys(missing, unexpected)


def _quoted(names: list) -> str:
    return ", ".join(f'"{name}"' for name in names)
