"""Optimizer: parameters in groups, the state of each, and how both are saved and loaded."""

from __future__ import annotations

import copy
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tritongrad.autograd.variable import Variable

REQUIRED = object()  # the default of a setting that every group must give


class Optimizer:
    """Base of all optimizers: a subclass says in `step` how its parameters change.

    `param_groups` is a list of dicts with the parameters and their settings; `state` holds a dict
    for each parameter.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        if isinstance(params, Variable):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {type(params).__name__}: put it into a list"
            )
        self.defaults = defaults
        self.state: Any = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take in more parameters; settings that the dict does not name have their defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group).__name__}")
        group = {**param_group, "params": _listed(param_group["params"])}
        for p in group["params"]:
            if not p.is_leaf and not getattr(p, "retains_grad", False):
                raise ValueError("can't optimize a non-leaf Tensor: detach() it first")
        for name, value in self.defaults.items():
            if value is REQUIRED and name not in group:
                raise ValueError(f"a parameter group didn't specify a value of '{name}'")
            group.setdefault(name, value)
        ids = {id(p) for p in group["params"]}
        if len(ids) < len(group["params"]):
            warnings.warn("optimizer contains a parameter group with duplicates", stacklevel=3)
        if any(id(p) in ids for other in self.param_groups for p in other["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or set them to zero."""
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    if set_to_none:
                        p.grad = None
                    else:
                        p.grad.detach().zero_()

    def step(self, closure: Callable | None = None) -> Any:
        """Change the parameters once; a closure computes the loss anew, which is returned."""
        raise NotImplementedError(f"{type(self).__name__} is missing the required `step`")

    def state_dict(self) -> dict[str, Any]:
        """{"state": .., "param_groups": ..} with parameters numbered; tensors share memory."""
        numbers: dict[int, int] = {}
        groups = []
        for group in self.param_groups:
            for p in group["params"]:
                numbers.setdefault(id(p), len(numbers))
            groups.append({k: v for k, v in group.items() if k != "params"})
            groups[-1]["params"] = [numbers[id(p)] for p in group["params"]]
        state = {
            numbers[id(k)] if isinstance(k, Variable) else k: dict(v) if isinstance(v, dict) else v
            for k, v in self.state.items()
        }
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over settings and state that state_dict() returned, for the same parameters."""
        saved = state_dict["param_groups"]
        if len(saved) != len(self.param_groups):
            raise ValueError(
                f"loaded state dict has {len(saved)} parameter groups, the optimizer has "
                f"{len(self.param_groups)}"
            )
        by_number = {}
        for group, old in zip(self.param_groups, saved, strict=True):
            if len(group["params"]) != len(old["params"]):
                raise ValueError(
                    "loaded state dict contains a parameter group that doesn't match the size of "
                    f"optimizer's group: {len(old['params'])} and {len(group['params'])} parameters"
                )
            by_number.update(zip(old["params"], group["params"], strict=True))
        self.state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            p = by_number.get(key)
            self.state[key if p is None else p] = _like(p, value)
        for group, old in zip(self.param_groups, saved, strict=True):
            settings = copy.deepcopy({k: v for k, v in old.items() if k != "params"})
            params = group["params"]
            group.clear()
            group.update(settings, params=params)

    def __getstate__(self) -> dict[str, Any]:
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __repr__(self) -> str:
        text = type(self).__name__ + " ("
        for i, group in enumerate(self.param_groups):
            text += f"\nParameter Group {i}\n"
            for key in sorted(group):
                if key != "params":
                    text += f"    {key}: {group[key]}\n"
        return text + ")"


def _listed(params: Any) -> list:
    """The parameters of a group, each checked to be a tensor."""
    if isinstance(params, Variable):
        return [params]
    if isinstance(params, (set, frozenset)) or not isinstance(params, Iterable):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but got "
            f"{type(params).__name__}: use a list"
        )
    found = list(params)
    for p in found:
        if not isinstance(p, Variable):
            raise TypeError(
                f"optimizer can only optimize Tensors, but one of the params is {type(p).__name__}"
            )
    return found


def _like(p: Any, value: Any) -> Any:
    """A loaded state, copied to where the parameter is and in its dtype."""
    if isinstance(value, dict):
        return {
            k: int(v) if k == "step" and not isinstance(v, dict) else _like(p, v)
            for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        return type(value)(_like(p, v) for v in value)
    if p is None or not isinstance(value, Variable):
        return copy.deepcopy(value)
    value: Any = value
    if value.is_floating_point() and p.is_floating_point():
        return value.to(device=p.device, dtype=p.dtype, copy=True)
    return value.to(device=p.device, copy=True)
