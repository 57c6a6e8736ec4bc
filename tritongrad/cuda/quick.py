"""The quick way of elementwise operations on a GPU: a plan for operands of known forms.

All that a call needs beside addresses is worked out once, for an operation and the forms of its
operands, and kept in a function that allocates and launches in one go. The public operations look
for a plan themselves where a form has one; here is what they do where they find none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tritongrad.cuda.array import CudaArray, DeviceArray, empty
from tritongrad.cuda.elementwise import launches_of, number_dtype, specialised
from tritongrad.cuda.forms import UNKNOWN, Form, form_of, fresh_form
from tritongrad.cuda.launch import bind

MOST = 1000  # exponents with plans of their own

Forms = list  # the Form of each operand, None for a number


def planned(operation: Any, operands: Sequence) -> DeviceArray | None:
    """The result by the plan for such operands, None if there is none."""
    values = values_of(operands)
    if values is None:
        return None
    table, key = place(operation, forms_of(values))
    plan = table.get(key)
    return None if plan is None else plan(*values)


def learn(operation: Any, operands: Sequence) -> None:
    """Make a plan for such operands, the second time that they went the general way."""
    values = values_of(operands)
    if values is None:
        return
    forms = forms_of(values)
    table, key = place(operation, forms)
    if key not in table:
        table[key] = None
        return
    plan = table[key]
    if operation.name == "pow" and forms[0] is not None and forms[1] is None:
        if plan is None:
            plan = table[key] = Powers()
        plan.learn(operation, values, forms)
    elif plan is None:
        table[key] = plan_for(operation, values, forms) or refuse


def recall(key: Any, first: DeviceArray, *rest: DeviceArray) -> DeviceArray | None:
    """The result by the plan that remember() has made under this key for arrays of these forms."""
    if type(first) is not CudaArray:
        return None
    plan = form_of(first).mixed.get((key, *[form_of(x) for x in rest]))
    return None if plan is None else plan(first, *rest)


def remember(key: Any, arrays: tuple, *steps: tuple[DeviceArray, tuple]) -> None:
    """Make a plan of launches, each with its result: (result, (kernel, grid, args, options)).

    The args of the first begin with its result and the arrays, those of another with its result
    and the one before. As learn() does, the second time; not if these are no longer the arrays that
    recall() was given.
    """
    if type(steps[-1][0]) is not CudaArray:
        return
    first, *rest = [form_of(x) for x in arrays]
    table, where = first.mixed, (key, *rest)
    if where not in table:
        table[where] = None
    elif table[where] is None:
        plans = []
        for out, launch in steps:
            plans.append(plan_of_launch(out, arrays, launch))
            arrays = (out,)
        table[where] = refuse if None in plans else plans[0] if len(plans) == 1 else chain(plans)


def plan_of_launch(out: DeviceArray, arrays: tuple, launch: tuple) -> Callable | None:
    """The plan of a launch whose args begin with out and the arrays."""
    _, grid, args, _ = launch
    same = all(x is y for x, y in zip(args, (out, *arrays), strict=False))
    if not same or len(grid) != 1 or out.device.memory.poison:
        return None
    return plan_by(launch, form_of(out), out.dtype, list(arrays))


def plan_by(launch: tuple, form: Form, dtype: np.dtype, operands: list, *how: Any) -> Any:
    """plans.written() of a launch (kernel, grid, args, options), compiled and loaded."""
    from tritongrad.cuda.plans import written

    kernel, grid, args, options = launch
    entry = bind(kernel, **options).prepare(form.device, args)
    return written(entry, form, dtype, operands, args, grid[0], *how)


def chain(plans: list) -> Callable:
    """A plan that hands the result of each to the next."""
    first, *others = plans

    def plan(*arrays: DeviceArray) -> DeviceArray | None:
        found = first(*arrays)
        for step in others:
            found = None if found is None else step(found)
        return found

    return plan


def learn_store(operation: Any, name: str, target: DeviceArray, operand: Any) -> None:
    """Make a plan for target = operation(target, operand), the second time; None: for a fill."""
    if type(target) is not CudaArray:
        return
    form = form_of(target)
    with_number = type(operand) is not CudaArray
    table = form.number if with_number else form.same
    if not with_number and form_of(operand) is not form:
        return
    if name not in table:
        table[name] = None
        return
    table[name] = refuse
    if form.dtype.kind in "biu" or not (target.contiguous and form.size):
        return
    if target.device.memory.poison or (operation and not alike(operation, [form], with_number)):
        return
    source = operation.name if operation else "positive"
    values = (target, operand) if operation else (operand,)
    (launch,) = launches_of(source, values, target)[1]
    from tritongrad.cuda.plans import STORE

    unread = 0 if operation else 1
    dtype = number_dtype(source, form.dtype)
    table[name] = plan_by(launch, form, dtype, [target, operand], STORE, unread) or refuse


def stored_scaled(
    name: str, x: DeviceArray, other: DeviceArray, alpha: float
) -> DeviceArray | None:
    """x after `name` with other and a number, by the plan for such arrays; None without one."""
    form = form_of(x)
    if type(x) is not CudaArray or form_of(other) is not form or x.device.memory.poison:
        return None
    plan = form.same.get(name)
    if plan is not None:
        return plan(x, other, alpha)
    if name in form.same and x.size:
        from tritongrad.cuda.plans import STORE

        (launch,) = launches_of(name, (x, other, alpha), x)[1]
        plan = plan_by(launch, form, form.dtype, [x, other, alpha], STORE) or refuse
    form.same[name] = plan
    return None


def filled(shape: tuple, value: np.ndarray, device: Any) -> DeviceArray | None:
    """A new array of one number by the plan for such arrays; None where there can be none."""
    if device.kind != "cuda" or value.dtype.kind in "biu" or not math.prod(shape):
        return None
    if device.memory.poison:
        return None
    form, number = fresh_form(device, shape, value.dtype), value.item()
    plan = form.number.get("full")
    if plan is None:
        (launch,) = launches_of("positive", (number,), empty(shape, value.dtype, device))[1]
        plan = form.number["full"] = plan_by(launch, form, form.dtype, [number]) or refuse
    return plan(number)


def values_of(operands: Sequence) -> list | None:
    """Arrays and numbers; None unless all are on a GPU, or floats and ints."""
    values = []
    for x in operands:
        kind = type(x)
        if kind is not float and kind is not int:
            x = getattr(x, "_array", None)
            if type(x) is not CudaArray:
                return None
        values.append(x)
    return values


def forms_of(values: list) -> Forms:
    return [
        None if type(x) is not CudaArray else form_of(x) if x.form is UNKNOWN else x.form
        for x in values
    ]


def place(operation: Any, forms: Forms) -> tuple[dict, Any]:
    """The table, and the key in it, of the plan for operands of these forms."""
    first, *rest = forms
    if first is None:
        return next(f for f in rest if f is not None).mixed, (operation, *forms)
    if all(f is first for f in rest):
        return first.same, operation
    if all(f is None for f in rest):
        return first.number, operation
    return first.mixed, (operation, *rest)


def refuse(*values: Any) -> None:
    """The plan for operands that have none."""


class Powers:
    """A plan for powers by numbers: some of them are operations of their own"""

    def __init__(self) -> None:
        self.plans: dict[float, Callable] = {}

    def __call__(self, x: DeviceArray, exponent: float) -> DeviceArray | None:
        plan = self.plans.get(exponent)
        return None if plan is None else plan(x, exponent)

    def learn(self, operation: Any, values: list, forms: Forms) -> None:
        """Make the plan for one exponent."""
        exponent = values[1]
        if exponent in self.plans or len(self.plans) >= MOST:
            return
        name, operands = specialised("pow", tuple(values))
        plan = plan_for(operation, list(operands), forms[: len(operands)], name) or refuse
        self.plans[exponent] = plan if len(operands) == 2 else lambda x, exponent: plan(x)


def plan_for(
    operation: Any, values: list, forms: Forms, name: str | None = None
) -> Callable | None:
    """The plan of an operation, or of the kernel `name`, for operands like these."""
    arrays = [f for f in forms if f is not None]
    device: Any = arrays[0].device
    if not alike(operation, arrays, None in forms) or device.memory.poison:
        return None
    out, launches = launches_of(name or operation.name, tuple(values))
    if len(launches) != 1:
        return None
    dtype = number_dtype(name or operation.name, arrays[-1].dtype)
    return plan_by(launches[0], out.form, dtype, values)


def alike(operation: Any, arrays: list[Form], with_numbers: bool) -> bool:
    """Whether the kernel takes the operands as they are: one floating dtype, or one dtype."""
    masks, rest = arrays[: operation.conditions], arrays[operation.conditions :]
    if not rest or any(f.dtype.kind != "b" for f in masks):
        return False
    device, dtype = rest[0].device, rest[0].dtype
    if any(f.device is not device for f in masks) or any(
        f.device is not device or f.dtype != dtype for f in rest
    ):
        return False
    if dtype.kind not in "biu":  # bfloat16 is of kind V
        return True
    return not with_numbers and operation.check is None and operation.elementwise != "float"
