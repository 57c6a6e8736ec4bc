"""Modules: the tree, its state, hooks, containers, losses and utilities."""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import pytest

import tritongrad as tg
from tritongrad import nn
from tritongrad.nn import functional as F


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 3)
        self.head = nn.Linear(3, 5)
        self.head.weight = self.embed.weight
        self.register_buffer("mask", tg.ones(2), persistent=False)
        self.scale = nn.Buffer(tg.ones(2))
        self.plain = tg.ones(1)


def test_a_shared_parameter_is_listed_once_and_saved_under_both_names():
    net = Tied()
    assert [n for n, _ in net.named_parameters()] == ["embed.weight", "head.bias"]
    assert list(net.state_dict()) == ["scale", "embed.weight", "head.weight", "head.bias"]
    again = pickle.loads(pickle.dumps(net))
    for twin in (again, copy.deepcopy(net)):
        assert twin.head.weight is twin.embed.weight
        assert [n for n, _ in twin.named_buffers()] == ["mask", "scale"]
        assert list(twin.state_dict()) == list(net.state_dict())


def test_names_children_and_parts_are_found():
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU()))
    assert [n for n, _ in net.named_modules()] == ["", "0", "1", "1.0"]
    assert net.get_submodule("1.0") is net[1][0] and net[-1] is net[1]
    assert net.get_parameter("0.weight") is net[0].weight
    assert len(net[:1]) == 1 and net[:1][0] is net[0] and list(net.children()) == list(net)
    with pytest.raises(AttributeError, match="no attribute 'weights'"):
        _ = net[0].weights
    with pytest.raises(AttributeError, match="is not a parameter"):
        net.get_parameter("0.mask")


def test_training_applies_to_the_tree_and_dropout_obeys():
    net = nn.Sequential(nn.Dropout(0.5), nn.Sequential(nn.Dropout2d(0.5)))
    x = tg.ones(4, 8, 2, 2)
    assert net.eval()(x).tolist() == x.tolist()
    assert not any(m.training for m in net.modules())
    tg.manual_seed(0)
    assert set(net.train()(x).reshape(-1).tolist()) == {0.0, 4.0}
    seen = []
    assert net.apply(seen.append) is net and seen[-1] is net and len(seen) == 4


def test_state_is_loaded_whole_or_not_at_all():
    net, state = nn.Linear(2, 3), nn.Linear(2, 3).state_dict()
    before = net.weight.tolist()
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "bias"'):
        net.load_state_dict({"weight": state["weight"]})
    with pytest.raises(RuntimeError, match='Unexpected key\\(s\\) in state_dict: "more"'):
        net.load_state_dict({**state, "more": tg.ones(1)})
    with pytest.raises(RuntimeError, match="size mismatch for bias"):
        net.load_state_dict({**state, "bias": tg.ones(4)}, strict=False)
    with pytest.raises(TypeError, match="dict-like"):
        net.load_state_dict([1])
    assert net.weight.tolist() == before
    found = net.load_state_dict({"weight": state["weight"], "more": tg.ones(1)}, strict=False)
    assert found.missing_keys == ["bias"] and found.unexpected_keys == ["more"]
    assert net.weight.tolist() == state["weight"].tolist() and net.weight.requires_grad


def test_a_state_of_before_batches_were_counted_is_loaded():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    state = net.state_dict()
    del state["0.num_batches_tracked"]
    assert net.load_state_dict(state).missing_keys == []
    del state["0.running_mean"]
    with pytest.raises(RuntimeError, match=r'"0\.running_mean"'):
        net.load_state_dict(state)


@pytest.mark.parametrize("size", [(9, 11), (9, 12), (10, 11), (2, 2, 10, 12)])
def test_a_transposed_convolution_makes_the_size_that_is_wanted(size, device):
    layer = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, device=device)
    x = tg.randn(2, 3, 5, 6, device=device)
    found = layer(x, output_size=size)
    layer.output_padding = tuple(n - m for n, m in zip(size[-2:], (9, 11), strict=True))
    assert found.shape[2:] == size[-2:] and tg.equal(found, layer(x))


@pytest.mark.parametrize("size", [(8, 11), (9, 13), (9,), (2, 9, 11)])
def test_a_size_that_a_transposed_convolution_cannot_make_is_refused(size):
    layer = nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1)
    with pytest.raises(ValueError, match=r"valid sizes range from \[9, 11\] to \[10, 12\]"):
        layer(tg.ones(2, 3, 5, 6), output_size=size)


def test_moving_and_converting_keeps_parameters_and_their_gradients(device):
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    weight = net[0].weight
    net(tg.ones(3, 2)).sum().backward()
    assert net.to(device).double() is net and net[0].weight is weight
    assert weight.dtype == tg.float64 and weight.grad.dtype == tg.float64
    assert weight.device == weight.grad.device == tg.ones(1, device=device).device
    assert net[1].num_batches_tracked.dtype == tg.int64
    assert net(tg.ones(3, 2, device=device, dtype=tg.float64)).dtype == tg.float64
    with pytest.raises(TypeError, match="floating point"):
        net.to(tg.int32)


def test_hooks_see_and_change_what_passes():
    layer, seen = nn.Linear(2, 2, bias=False), []
    nn.init.eye_(layer.weight)
    handles = [
        layer.register_forward_pre_hook(lambda m, args: (args[0] * 2,)),
        layer.register_forward_hook(lambda m, args, out: seen.append(out.tolist()) or out + 1),
        layer.register_forward_hook(
            lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True, prepend=True
        ),
    ]
    assert layer(tg.ones(1, 2)).tolist() == [[3, 3]]
    assert seen == [{}, [[2, 2]]]
    for handle in handles:
        handle.remove()
    assert layer(tg.ones(1, 2)).tolist() == [[1, 1]]


class Two(nn.Module):
    def forward(self, a, b, n):
        return a * b, a * n


@pytest.mark.parametrize("register", ["register_full_backward_hook", "register_backward_hook"])
def test_backward_hooks_get_all_gradients_at_once(register):
    a, b, seen = tg.tensor([2.0], requires_grad=True), tg.tensor([3.0], requires_grad=True), []

    def hook(module, grad_input, grad_output):
        seen.append([g and g.tolist() for g in (*grad_input, *grad_output)])
        return grad_input[0] * 10, None, None

    net = Two()
    getattr(net, register)(hook)
    net.register_full_backward_pre_hook(lambda m, out: (out[0] * 2, out[1]))
    product, multiple = net(a, b, 5)
    (product + multiple).sum().backward()
    assert seen == [[[2 * 3 + 5], [2 * 2], None, [2], [1]]]
    assert a.grad.tolist() == [110] and b.grad is None


def test_a_backward_hook_of_the_first_layer_sees_no_input_gradient():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, i, o: seen.append((i, o[0].tolist())))
    layer(tg.ones(1, 2)).sum().backward()
    assert seen == [((None,), [[1]])] and layer.weight.grad is not None


def test_assignments_that_would_lose_parameters_are_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'weight'"):
        layer.weight = tg.ones(2, 2)
    with pytest.raises(KeyError, match="already exists"):
        layer.register_buffer("in_features", tg.ones(1))
    with pytest.raises(NotImplementedError, match='missing the required "forward"'):
        nn.Module()(1)

    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\)"):
        Early()


def test_containers_work_as_lists_and_dicts():
    layers = nn.ModuleList([nn.ReLU()])
    layers += [nn.Tanh(), nn.Sigmoid()]
    layers.insert(0, nn.Identity())
    del layers[1]
    assert [type(m).__name__ for m in layers] == ["Identity", "Tanh", "Sigmoid"]
    assert len(layers[1:]) == 2 and type(layers.pop(-1)) is nn.Sigmoid and len(layers) == 2
    named = nn.ModuleDict({"act": nn.ReLU()})
    named["other"] = nn.Tanh()
    assert named.act is named["act"] and "other" in named and list(named.keys()) == ["act", "other"]
    assert type(named.pop("act")) is nn.ReLU and len(named) == 1
    weights = nn.ParameterList([tg.ones(2), tg.zeros(1)])
    assert isinstance(weights[0], nn.Parameter) and len(list(weights.parameters())) == 2
    table = nn.ParameterDict({"a": tg.ones(2)})
    assert table.a is table["a"] and [n for n, _ in table.named_parameters()] == ["a"]
    assert not isinstance(nn.Sequential(), nn.ModuleList)


def test_old_reduction_arguments_are_understood_with_a_warning():
    x, y = tg.ones(2), tg.zeros(2)
    for old, wanted in (({"size_average": False}, 2.0), ({"reduce": False}, [1.0, 1.0])):
        with pytest.warns(UserWarning, match="size_average and reduce"):
            assert nn.MSELoss(**old)(x, y).tolist() == wanted
        with pytest.warns(UserWarning, match="size_average and reduce"):
            assert F.mse_loss(x, y, **old).tolist() == wanted


def test_a_target_of_another_shape_is_warned_of():
    with pytest.warns(UserWarning, match="different to the input size"):
        F.mse_loss(tg.ones(3, 1), tg.ones(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.mse_loss(tg.ones(3), tg.ones(3))


def test_a_network_that_drops_between_layers_learns_to_repeat(device):
    tg.manual_seed(0)
    net = nn.LSTM(2, 3, 2, batch_first=True, dropout=0.5, bidirectional=True).to(device)
    y, (h, c) = net(tg.randn(2, 3, 2, device=device))
    assert y.shape == (2, 3, 6) and h.shape == c.shape == (4, 2, 3)
    y.sum().backward()
    assert all(p.grad is not None for p in net.parameters())


def test_initial_values_are_those_asked_for():
    tg.manual_seed(0)
    w = tg.empty(200, 100)
    assert nn.init.trunc_normal_(w, std=1.0, a=-0.5, b=0.5).abs().max() <= 0.5
    bound = (6 / 300) ** 0.5
    assert nn.init.xavier_uniform_(w).abs().max().item() == pytest.approx(bound, rel=0.01)
    deviation = (2 / 100) ** 0.5
    assert nn.init.kaiming_normal_(w, nonlinearity="relu").std().item() == pytest.approx(
        deviation, rel=0.05
    )
    assert nn.init.constant_(w, 3).unique().tolist() == [3]
    with pytest.raises(ValueError, match="fewer than 2 dimensions"):
        nn.init.xavier_normal_(tg.empty(3))
    with pytest.raises(ValueError, match="unsupported nonlinearity"):
        nn.init.calculate_gain("cosine")


def test_parameters_become_a_vector_and_come_back():
    net = nn.Linear(2, 3)
    flat = nn.utils.parameters_to_vector(net.parameters())
    nn.utils.vector_to_parameters(flat * 2, net.parameters())
    again = nn.utils.parameters_to_vector(net.parameters())
    assert again.tolist() == (flat * 2).tolist() and net.weight.is_leaf


def test_clipping_what_is_not_finite_says_so(device):
    p = tg.ones(2, requires_grad=True, device=device)
    p.grad = tg.tensor([float("inf"), 1.0], device=device)
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    p.grad = tg.tensor([3.0, 4.0], device=device)
    assert nn.utils.clip_grad_norm_(p, 1.0).item() == 5
    assert p.grad.tolist() == pytest.approx([0.6, 0.8], rel=1e-5)
    assert nn.utils.clip_grad_norm_([tg.ones(1)], 1.0).item() == 0


def test_activations_have_signatures_and_refuse_other_arguments():
    assert list(inspect.signature(nn.LeakyReLU).parameters) == ["negative_slope", "inplace"]
    with pytest.raises(TypeError, match="GELU"):
        nn.GELU(slope=1)
    x = tg.tensor([-1.0, 1.0])
    assert nn.ReLU(True)(x) is x and x.tolist() == [0, 1]


ERRORS = [
    (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels must be divisible"),
    (lambda: nn.BatchNorm2d(3)(tg.ones(2, 3)), ValueError, "expected 4D input"),
    (lambda: nn.GroupNorm(2, 3), ValueError, "divisible by num_groups"),
    (lambda: nn.Dropout(2), ValueError, "between 0 and 1"),
    (lambda: nn.LSTM(3, 4)(tg.ones(2, 2, 5)), RuntimeError, "Expected 3, got 5"),
    (lambda: nn.GRU(3, 4)(tg.ones(2, 2, 3), tg.ones(1, 3, 4)), RuntimeError, "hidden size"),
    (lambda: nn.RNN(3, 4, nonlinearity="sin"), ValueError, "Unknown nonlinearity"),
    (lambda: nn.Embedding(3, 4, max_norm=1.0), ValueError, "not supported"),
    (lambda: nn.Softmax()(tg.ones(2, 2)), TypeError, "over which dim"),
    (lambda: nn.Parameter([1.0]), TypeError, "must be a Tensor"),
    (lambda: nn.ModuleList([nn.ReLU()])[1], IndexError, "out of range"),
    (lambda: nn.Linear(2, 2).train("yes"), ValueError, "must be a bool"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors_say_what_is_wrong(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_a_module_that_is_left_out_names_the_nearest():
    with pytest.raises(AttributeError, match=r"nearest there is: tritongrad\.nn\.Conv2d"):
        _ = nn.Conv3d
    assert not hasattr(nn, "Conv3d") and not hasattr(nn, "Foo")
