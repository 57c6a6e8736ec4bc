"""Module: parameters, buffers and submodules in a tree, and how they are called."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from tritongrad.autograd.graph import RemovableHandle
from tritongrad.autograd.variable import Variable
from tritongrad.nn.hooks import Watch
from tritongrad.nn.parameter import Buffer, Parameter
from tritongrad.nn.state import Stateful


class Module(Stateful):
    """Base of all layers and models: subclass it, build parts in `__init__`, compute in `forward`.

    Assigning a Parameter, a Buffer or a Module to an attribute registers it. Calling a module runs
    its `forward` between the hooks.
    """

    training: bool
    _forward_pre_hooks: OrderedDict
    _forward_hooks: OrderedDict
    _backward_pre_hooks: OrderedDict
    _backward_hooks: OrderedDict

    def __init__(self) -> None:
        put = object.__setattr__
        put(self, "training", True)
        put(self, "_parameters", {})
        put(self, "_buffers", {})
        put(self, "_modules", {})
        put(self, "_not_persistent", set())
        for name in ("forward_pre", "forward", "backward_pre", "backward"):
            put(self, f"_{name}_hooks", OrderedDict())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the result: every subclass says how."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        backward = self._backward_hooks or self._backward_pre_hooks
        if not (self._forward_pre_hooks or self._forward_hooks or backward):
            return self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            got = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if got is not None and with_kwargs:
                args, kwargs = got
            elif got is not None:
                args = got if isinstance(got, tuple) else (got,)
        watch = Watch(self) if backward else None
        if watch is not None:
            args = watch.inputs(args)
        result = self.forward(*args, **kwargs)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            got = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            if got is not None:
                result = got
        return result if watch is None else watch.outputs(result)

    # registration

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under a name."""
        self._check_name(name)
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{type(param).__name__}' object to parameter '{name}': "
                "nn.Parameter or None required"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Add a tensor that is state but not a parameter; `persistent`: part of state_dict."""
        self._check_name(name)
        if tensor is not None and not isinstance(tensor, Variable):
            raise TypeError(
                f"cannot assign '{type(tensor).__name__}' object to buffer '{name}': "
                "a Tensor or None is required"
            )
        self._buffers[name] = tensor
        (self._not_persistent.discard if persistent else self._not_persistent.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a submodule under a name."""
        self._check_name(name)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{type(module).__name__} is not a Module subclass")
        self._modules[name] = module

    add_module = register_module

    def _check_name(self, name: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign before Module.__init__() call")
        if not isinstance(name, str):
            raise TypeError(f"a name must be a string, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f'a name must not be empty or contain ".": {name!r}')
        if hasattr(self, name) and not any(name in table for table in self._tables()):
            raise KeyError(f"attribute '{name}' already exists")

    def _tables(self) -> tuple[dict, dict, dict]:
        return self._parameters, self._buffers, self._modules

    def __setattr__(self, name: str, value: Any) -> None:
        tables = self.__dict__.get("_parameters"), self.__dict__.get("_buffers")
        kind = next((i for i, c in enumerate(KINDS) if isinstance(value, c)), None)
        if tables[0] is None:
            if kind is not None:
                raise AttributeError("cannot assign parameters or modules before Module.__init__()")
            object.__setattr__(self, name, value)
            return
        if kind is not None:
            own = self._tables()[kind]
            for table in (self.__dict__, *self._tables()):
                if table is not own:  # there it keeps its place
                    table.pop(name, None)
            own[name] = value
            if kind == 1 and not value.persistent:
                self._not_persistent.add(name)
            return
        if name in self._parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign '{type(value).__name__}' as parameter '{name}' "
                    "(nn.Parameter or None expected)"
                )
            self._parameters[name] = None
        elif name in self._buffers and (value is None or isinstance(value, Variable)):
            self._buffers[name] = value
        elif name in self._modules and value is None:
            self._modules[name] = None
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        for table in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(table)
            if found is not None and name in found:
                return found[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def __delattr__(self, name: str) -> None:
        for table in self._tables():
            if name in table:
                del table[name]
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(n for table in self._tables() for n in table)})

    # walking the tree

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) for this module and all below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                below = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, below, remove_duplicate)

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """(name, module) for the modules directly below."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """The modules directly below."""
        return (module for _, module in self.named_children())

    def _named(self, table: str, prefix: str, recurse: bool, once: bool) -> Iterator[tuple]:
        seen = set()
        for path, module in self.named_modules(prefix=prefix) if recurse else [(prefix, self)]:
            for name, value in getattr(module, table).items():
                if value is None or (once and id(value) in seen):
                    continue
                seen.add(id(value))
                yield (f"{path}.{name}" if path else name), value

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """(dotted name, parameter), each parameter once even if it is shared."""
        return self._named("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, each once."""
        return (p for _, p in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """(dotted name, buffer)."""
        return self._named("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Any]:
        """The buffers."""
        return (b for _, b in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with a dotted name."""
        module: Any = self
        for name in target.split(".") if target else []:
            module = getattr(module, name)
        return module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with a dotted name."""
        return self._get(target, "_parameters", "parameter")

    def get_buffer(self, target: str) -> Any:
        """The buffer with a dotted name."""
        return self._get(target, "_buffers", "buffer")

    def _get(self, target: str, table: str, kind: str) -> Any:
        path, _, name = target.rpartition(".")
        found = getattr(self.get_submodule(path), table).get(name)
        if found is None:
            raise AttributeError(f"`{name}` is not a {kind} of {path or type(self).__name__}")
        return found

    # hooks

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args) before forward; it may return other args.

        `with_kwargs`: hook(module, args, kwargs), which may return both.
        """
        return _add(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call hook(module, args, output) after forward; it may return another output.

        `with_kwargs`: hook(module, args, kwargs, output).
        """
        return _add(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call hook(module, grad_output) before backward; it may return another grad_output."""
        return _add(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call hook(module, grad_input, grad_output) in backward; it may return a grad_input."""
        return _add(self._backward_hooks, hook, prepend)

    register_backward_hook = register_full_backward_hook

    def __repr__(self) -> str:
        lines = [
            f"({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self._modules.items()
        ]
        extra = self.extra_repr().split("\n") if self.extra_repr() else []
        name = type(self).__name__
        if not lines and len(extra) < 2:
            return f"{name}({''.join(extra)})"
        return name + "(\n  " + "\n  ".join(extra + lines) + "\n)"

    def extra_repr(self) -> str:
        """What `repr` shows of a layer beside its submodules."""
        return ""


def _add(hooks: OrderedDict, hook: Any, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


KINDS = (Parameter, Buffer, Module)  # in the order of Module._tables()
