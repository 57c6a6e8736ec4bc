"""What PyTorch's tutorial series calls: each name in each form, and what it gives.

name: statements; expression => value, or ~> dtype and shape. What the names stand for is in
tests/test_surface.py: x is 2 x 3 floats, w the same and requires grad, i indices, m a module ...
"""

T0 = """
Tensor.backward: w.mul(2).sum().backward(); w.grad.sum() => 12.0
Tensor.backward: w.mul(2).sum().backward(gradient=None, retain_graph=None, create_graph=False,
    inputs=None); w.grad => [[2.0] * 3] * 2
Tensor.backward: (w * w).backward(create_graph=True, gradient=y, inputs=None, retain_graph=True);
    w.grad => 2 * x.mul(y)
Tensor.backward: (w * w).backward(create_graph=False, gradient=y, inputs=None, retain_graph=None);
    w.grad => 2 * x.mul(y)
Tensor.item: x[0, 1].item() => -2.0
Tensor.item: type(i.sum().item()) => int
Tensor.mul: x.mul(0.5) => [[0.5, -1.0, 1.5], [-2.0, 2.5, -3.0]]
Tensor.mul: x.mul(x) => [[1.0, 4.0, 9.0], [16.0, 25.0, 36.0]]
Tensor.mul: x.mul(2) => [[2.0, -4.0, 6.0], [-8.0, 10.0, -12.0]]
torch.randn: torch.randn(4, 5) ~> float32 4 5
torch.randn: torch.randn(4, 5, device=device) ~> float32 4 5
torch.randn: torch.randn((4,)) ~> float32 4
torch.randn: torch.randn((4,), generator=generator) ~> float32 4
torch.randn: torch.randn(4, 5, device=device, dtype=torch.float64) ~> float64 4 5
torch.randn: torch.randn(2, 3, 4, 5) ~> float32 2 3 4 5
torch.randn: torch.randn(()) ~> float32
torch.no_grad: without_grad(lambda: (w * 2).requires_grad) => False
torch.no_grad: torch.no_grad()(lambda: (w * 2).requires_grad)() => False
Tensor.sum: x.sum() => -3.0
Tensor.sum: x.sum(1, keepdims=True) => [[2.0], [-5.0]]
Tensor.sum: x.sum(1) => [2.0, -5.0]
Tensor.sum: x.sum(0, keepdim=False) => [-3.0, 3.0, -3.0]
Tensor.grad: x.grad is None and w.grad is None => True
torch.device: torch.device("cpu").type => "cpu"
torch.device: str(torch.device("cuda:1")) => "cuda:1"
Tensor.sub: x.sub(y) => [[0.0, -4.0, 0.0], [-5.0, 3.0, -9.0]]
Tensor.sub: x.sub(1) => [[0.0, -3.0, 2.0], [-5.0, 4.0, -7.0]]
Tensor.pow: x.pow(2) => [[1.0, 4.0, 9.0], [16.0, 25.0, 36.0]]
Tensor.pow: y.pow(y) => [[1.0, 4.0, 27.0], [1.0, 4.0, 27.0]]
Tensor.__setitem__: x[1:] = 7; x => [[1.0, -2.0, 3.0], [7.0, 7.0, 7.0]]
Tensor.__setitem__: x[1:] = y[:1]; x => [[1.0, -2.0, 3.0], [1.0, 2.0, 3.0]]
Tensor.__setitem__: x[0, 1:] = 7; x[0] => [1.0, 7.0, 7.0]
Tensor.__setitem__: x[x < 0] = 0; x => [[1.0, 0.0, 3.0], [0.0, 5.0, 0.0]]
Tensor.__setitem__: x[:, 1:] = y[:, 1:]; x[1] => [-4.0, 2.0, 3.0]
Tensor.__setitem__: x[torch.tensor([0, 1]), range(2)] = y[0, :2]; x => [[1.0, -2.0, 3.0], [-4.0,
    2.0, -6.0]]
Tensor.__setitem__: x[0] = y[0]; x[0] => [1.0, 2.0, 3.0]
Tensor.__setitem__: i[0] = 9; i => [9, 0, 1]
Tensor.__setitem__: x[i[:1] * 0, range(1)] = y[0, 2]; x[0] => [3.0, -2.0, 3.0]
Tensor.__setitem__: x[1, range(2)] = y[0, :2]; x[1] => [1.0, 2.0, -6.0]
Tensor.__setitem__: x[0, 0] = y[1, 1]; x[0, 0] => 2.0
Tensor.sub_: x.sub_(y); x[0] => [0.0, -4.0, 0.0]
Tensor.sub_: x.sub_(1); x[0] => [0.0, -3.0, 2.0]
Tensor.sub_: without_grad(lambda: w.sub_(1)); w.requires_grad and w[0, 0].item() == 0 => True
Tensor.clamp: x.clamp(min=0) => [[1.0, 0.0, 3.0], [0.0, 5.0, 0.0]]
Tensor.clamp: x.clamp(0, 2) => [[1.0, 0.0, 2.0], [0.0, 2.0, 0.0]]
Tensor.mm: x.mm(y.t()) => [[6.0, 6.0], [-12.0, -12.0]]
Tensor.zero_: x.zero_() => [[0.0] * 3] * 2
Tensor.clone: c = x.clone(); c.zero_(); x.sum() => -3.0
Tensor.lt: x.lt(0) => [[False, True, False], [True, False, True]]
Tensor.lt: x.lt(y) => [[False, True, False], [True, False, True]]
Tensor.lt: x.lt(-2.5) => [[False, False, False], [True, False, True]]
Tensor.t: x.t() ~> float32 3 2
"""

T1 = """
Module.parameters: [tuple(p.shape) for p in m.parameters()] => [(4, 3), (4,)]
torch.nn.Linear: nn.Linear(3, 4)(x) ~> float32 2 4
torch.nn.Linear: sum(1 for _ in nn.Linear(3, 4, bias=False).parameters()) => 1
torch.nn.Linear: nn.Linear(in_features=3, out_features=2)(x) ~> float32 2 2
Module|Optimizer.zero_grad: m(x).sum().backward(); m.zero_grad(); m.weight.grad is None => True
Module|Optimizer.zero_grad: m(x).sum().backward(); m.zero_grad(set_to_none=False); m.bias.grad =>
    [0.0] * 4
Module|Optimizer.zero_grad: m(x).sum().backward(); o = optim.SGD(m.parameters(), lr=1);
    o.zero_grad(); m.weight.grad is None => True
Module|Optimizer.zero_grad: m(x).sum().backward(); o = optim.SGD(m.parameters(), lr=1);
    o.zero_grad(set_to_none=False); m.bias.grad => [0.0] * 4
Optimizer.step: w.sum().backward(); optim.SGD([w], lr=0.5).step(); w.detach() => x - 0.5
Optimizer.step: optim.SGD([w], lr=0.5).step(lambda: torch.ones(1)) => [1.0]
Tensor.add: x.add(y)[0] => [2.0, 0.0, 6.0]
Tensor.add: x.add(0.5)[0] => [1.5, -1.5, 3.5]
Tensor.add: x.add(1)[0] => [2.0, -1.0, 4.0]
torch.nn.Module: Net(3, 4)(x) ~> float32 2 4
Tensor.__getitem__: x[1, 1:] => [5.0, -6.0]
Tensor.__getitem__: x[1] => [-4.0, 5.0, -6.0]
Tensor.__getitem__: x[:, 1:] ~> float32 2 2
Tensor.__getitem__: x[torch.tensor([1, 0])] => [[-4.0, 5.0, -6.0], [1.0, -2.0, 3.0]]
Tensor.__getitem__: x[1:] => [[-4.0, 5.0, -6.0]]
Tensor.__getitem__: x[1, 2] => -6.0
Tensor.__getitem__: x[(torch.tensor([1, 0]),)][0] => [-4.0, 5.0, -6.0]
Tensor.__getitem__: x[..., 0] => [1.0, -4.0]
Tensor.__getitem__: x[torch.tensor([1, 0]), range(2)] => [-4.0, -2.0]
Tensor.__getitem__: x[[1]] => [[-4.0, 5.0, -6.0]]
Tensor.to: x.to("cpu").device.type => "cpu"
Tensor.to: x.to(torch.device("cpu")).device == torch.device("cpu") => True
Tensor.size: x.size(0) => 2
Tensor.size: x.size() == torch.Size([2, 3]) == (2, 3) => True
torch.tensor: torch.tensor([1, 2], dtype=torch.float64) ~> float64 2
torch.tensor: torch.tensor([1, 2]) ~> int64 2
torch.tensor: torch.tensor([[1, 2], [3, 4]]) => [[1, 2], [3, 4]]
torch.tensor: torch.tensor(1.5, requires_grad=True).requires_grad => True
torch.tensor: torch.tensor([1.0]) ~> float32 1
torch.tensor: torch.tensor([[1.5], [2.5]]) ~> float32 2 1
Module.state_dict: list(m.state_dict()) => ["weight", "bias"]
Tensor.data: w.data.requires_grad => False
torch.save: torch.save(m.state_dict(), path); torch.load(path)["weight"] => m.weight.detach()
torch.save: torch.save({"model": m.state_dict(), "epoch": 3}, path); torch.load(path)["epoch"] => 3
torch.save: torch.save((x, y), path); torch.load(path)[1] => [[1.0, 2.0, 3.0]] * 2
torch.nn.MSELoss: nn.MSELoss(reduction="sum")(x, y) => 131.0
torch.nn.MSELoss: nn.MSELoss()(x, y) => 131.0 / 6
Tensor.div: x.div(0.5)[0] => [2.0, -4.0, 6.0]
Tensor.div: x.div(y)[0] => [1.0, -1.0, 1.0]
Tensor.div: i.div(2) => [1.0, 0.0, 0.5]
Tensor.view: x.view(3, 2) ~> float32 3 2
Tensor.view: x.view(-1) ~> float32 6
Tensor.view: x.view(1, 2, 3, 1) ~> float32 1 2 3 1
Tensor.view: x.view(1, 2, 3) ~> float32 1 2 3
torch.cuda.is_available: type(torch.cuda.is_available()) => bool
Tensor.shape: x.shape == (2, 3) and x.shape[1] == 3 and isinstance(x.shape, tuple) => True
torch.zeros: torch.zeros(2) => [0.0, 0.0]
torch.zeros: torch.zeros(2, 3) ~> float32 2 3
torch.zeros: torch.zeros(2, dtype=torch.long) ~> int64 2
torch.zeros: torch.zeros(2, 3, dtype=torch.int32) ~> int32 2 3
torch.zeros: torch.zeros((2,)) ~> float32 2
torch.zeros: torch.zeros(2, 3, 4) ~> float32 2 3 4
torch.float: torch.zeros(1, dtype=torch.float) ~> float32 1
torch.nn.Sequential: nn.Sequential(m, nn.ReLU())(x) ~> float32 2 4
torch.nn.Sequential: nn.Sequential(m, nn.ReLU(), nn.Linear(4, 1))(x) ~> float32 2 1
torch.nn.Sequential: nn.Sequential(m, nn.ReLU(), nn.Linear(4, 1), nn.Flatten(0, 1))(x) ~> float32 2
torch.nn.Sequential: nn.Sequential(m, nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4,
    1))[2].weight ~> float32 4 4
torch.nn.Sequential: len(nn.Sequential(m, nn.ReLU(), m, nn.ReLU(), m, nn.ReLU())) => 6
torch.ones: torch.ones(2, 3) ~> float32 2 3
torch.ones: torch.ones(2) => [1.0, 1.0]
torch.ones: torch.ones((2,)) ~> float32 2
torch.ones: torch.ones(2, 3, 4) ~> float32 2 3 4
torch.cat: torch.cat((x, y), dim=1) ~> float32 2 6
torch.cat: torch.cat([x, y], dim=0) ~> float32 4 3
torch.cat: torch.cat([x, y], 1)[0] => [1.0, -2.0, 3.0, 1.0, 2.0, 3.0]
torch.cat: torch.cat([x, y]) ~> float32 4 3
torch.cat: torch.cat((x, y), 1) ~> float32 2 6
Tensor.add_: x.add_(y); x[0] => [2.0, 0.0, 6.0]
Tensor.add_: x.add_(1); x[0] => [2.0, -1.0, 4.0]
torch.nn.ReLU: nn.ReLU()(x)[0] => [1.0, 0.0, 3.0]
torch.optim.Adam: w.sum().backward(); optim.Adam([w], lr=0.1).step(); w.detach() => x - 0.1
torch.optim.Adam: optim.Adam([w], betas=(0.9, 0.95), eps=1e-8, lr=0.1).param_groups[0]["betas"] =>
    (0.9, 0.95)
torch.optim.SGD: w.sum().backward(); optim.SGD([w], lr=0.1).step(); w.detach() => x - 0.1
torch.optim.SGD: w.sum().backward(); o = optim.SGD([w], lr=1, momentum=0.5); o.step(); o.step();
    w.detach() => x - 2.5
Tensor.__format__: f"{x[0, 1]:.2f} {i[0]:3d}" => "-2.00   2"
Tensor.__format__: "{:+.1f}".format(x[0, 0]) => "+1.0"
Tensor.__repr__: repr(torch.arange(3).cpu()) => "tensor([0, 1, 2])"
Tensor.__repr__: torch.arange(3).cpu().__repr__(tensor_contents=None) => "tensor([0, 1, 2])"
Tensor.matmul: x.matmul(y.t()) => [[6.0, 6.0], [-12.0, -12.0]]
Tensor.unsqueeze: x.unsqueeze(1) ~> float32 2 1 3
Tensor.unsqueeze: x.unsqueeze(-1) ~> float32 2 3 1
torch.sin: torch.sin(x)[0, 0] => 0.8414709848
Tensor.__pow__: (x ** 2)[0] => [1.0, 4.0, 9.0]
Tensor.__pow__: (y ** 0.5)[0] => [1.0, 1.41421356, 1.7320508]
Tensor.requires_grad: (w.requires_grad, x.requires_grad) => (True, False)
torch.linspace: torch.linspace(-1.0, 1.0, 5) => [-1.0, -0.5, 0.0, 0.5, 1.0]
torch.linspace: torch.linspace(-math.pi, math.pi, 7, device=device, dtype=torch.float64) ~> float64
    7
torch.linspace: torch.linspace(0.0, 1.0, 3, dtype=torch.float) ~> float32 3
torch.linspace: torch.linspace(0, 10, 3) => [0.0, 5.0, 10.0]
torch.tanh: torch.tanh(x)[0, 0] => 0.76159416
Tensor.device: x.device.type == device => True
Tensor.grad =: w.sum().backward(); w.grad = None; w.grad is None => True
Module.apply: seen = []; m.apply(seen.append); seen == [m] => True
Tensor.data =: x.data = y; x[0] => [1.0, 2.0, 3.0]
Tensor.detach: (w * 2).detach().requires_grad => False
Tensor.numpy: x.cpu().numpy().tolist() => [[1.0, -2.0, 3.0], [-4.0, 5.0, -6.0]]
torch.from_numpy: torch.from_numpy(np.arange(3)) ~> int64 3
torch.long: torch.arange(2).dtype is torch.long => True
Tensor.dtype: x.dtype is torch.float32 => True
Tensor.requires_grad =: x.requires_grad = True; x.requires_grad => True
torch.nn.Flatten: nn.Flatten()(torch.ones(2, 3, 4)) ~> float32 2 12
torch.nn.Flatten: nn.Flatten(0, 1)(torch.ones(2, 3, 4)) ~> float32 6 4
torch.nn.Parameter: p = nn.Parameter(x); p.requires_grad and isinstance(p, torch.Tensor) => True
torch.ones_like: torch.ones_like(i) => [1, 1, 1]
Tensor.T: x.T ~> float32 3 2
torch.rand: torch.rand((4,)) ~> float32 4
torch.rand: torch.rand(2, 3) ~> float32 2 3
torch.rand: torch.rand(2, 3, 4) ~> float32 2 3 4
torch.rand: torch.rand(2, 3, 4, device=device) ~> float32 2 3 4
torch.rand: torch.rand(4, generator=generator) ~> float32 4
ctx.save_for_backward: Cube.apply(w).sum().backward(); w.grad => 3 * x * x
ctx.saved_tensors: Cube.apply(w).sum().backward(); w.grad[0] => [3.0, 12.0, 27.0]
torch.autograd.Function: Cube.apply(x)[0] => [1.0, -8.0, 27.0]
torch.matmul: torch.matmul(x, y.t()) => [[6.0, 6.0], [-12.0, -12.0]]
torch.matmul: c = torch.empty(2, 2); torch.matmul(x, y.t(), out=c); c => [[6.0, 6.0], [-12.0,
    -12.0]]
Tensor.double: x.double() ~> float64 2 3
Tensor.fill_: x.fill_(0.5)[0] => [0.5] * 3
Tensor.fill_: x.fill_(y[0, 1])[0] => [2.0] * 3
Tensor.grad_fn: ((w * 2).grad_fn.name(), w.grad_fn) => ("MulBackward0", None)
Tensor.relu: x.relu()[0] => [1.0, 0.0, 3.0]
torch.Tensor: torch.Tensor([1, 2]) ~> float32 2
torch.empty: torch.empty(2, 3) ~> float32 2 3
torch.empty: torch.empty(2, 3, dtype=torch.long) ~> int64 2 3
torch.full: torch.full((), 1.5, device=device, dtype=torch.float64, requires_grad=True) ~> float64
torch.rand_like: torch.rand_like(x, dtype=torch.float64) ~> float64 2 3
torch.rand_like: torch.rand_like(x) ~> float32 2 3
Tensor.index_add_: x.index_add_(0, torch.tensor([0, 0]), y)[0] => [3.0, 2.0, 9.0]
torch.double: torch.zeros(1, dtype=torch.double) ~> float64 1
torch.eye: torch.eye(2, 3, requires_grad=True) => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
torch.mul: c = torch.empty(2, 3); torch.mul(x, y, out=c); c[0] => [1.0, -4.0, 9.0]
torch.nn.functional.binary_cross_entropy_with_logits: F.binary_cross_entropy_with_logits(x, y / 3,
    pos_weight=None, reduce=None, reduction="mean", size_average=None, weight=None) => 1.9193528
torch.nn.functional.smooth_l1_loss: F.smooth_l1_loss(x, y, beta=1.0, reduce=None, reduction="sum",
    size_average=None) => 19.0
torch.optim.RMSprop: w.sum().backward(); optim.RMSprop([w], lr=0.1).step(); w.detach() => x - 1
torch.set_default_device: torch.set_default_device("cpu"); torch.zeros(1).device.type => "cpu"
"""
