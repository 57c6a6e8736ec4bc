"""What classifiers and convolutional networks call: each name in each form, and what it gives.

In the notation of tests/surface_t0_t1.py.
"""

T2 = """
torch.utils.data.DataLoader: [len(b) for b in DataLoader(dataset=pairs, batch_size=2, shuffle=True)]
    => [2, 2]
torch.utils.data.DataLoader: next(iter(DataLoader(pairs, batch_size=3, num_workers=0,
    shuffle=False)))[1] => [0, 1, 2]
torch.utils.data.DataLoader: len(DataLoader(pairs, batch_size=2, sampler=RandomSampler(pairs))) => 2
torch.utils.data.DataLoader: next(iter(DataLoader(pairs, batch_size=2)))[0] ~> float32 2 3
torch.utils.data.DataLoader: len(DataLoader(pairs, **{"batch_size": 1, "shuffle": True})) => 3
Module.eval: m.eval() is m and not m.training => True
Tensor.__eq__: x == y => [[True, False, True], [False, False, False]]
Tensor.__eq__: i == 0 => [False, True, False]
Module.train: m.eval(); m.train().training => True
Module.train: m.train(False).training => False
Tensor.numel: x.numel() => 6
torch.multinomial: torch.multinomial(y, num_samples=2) ~> int64 2 2
torch.multinomial: torch.multinomial(y, generator=generator, num_samples=1) ~> int64 2 1
torch.multinomial: torch.multinomial(y, generator=generator, num_samples=5, replacement=True) ~>
    int64 2 5
Tensor.mean: x.mean() => -0.5
Tensor.mean: x.mean(1, keepdim=True) => [[2 / 3], [-5 / 3]]
Tensor.mean: x.mean(0) => [-1.5, 1.5, -1.5]
Tensor.mean: x.mean((0, 1), keepdim=True) => [[-0.5]]
torch.arange: torch.arange(0, 4, device=device, dtype=torch.long) => [0, 1, 2, 3]
torch.arange: torch.arange(3) => [0, 1, 2]
torch.arange: torch.arange(1, 3) => [1, 2]
torch.arange: torch.arange(0, 6, 2) => [0, 2, 4]
torch.manual_seed: torch.manual_seed(3); a = torch.rand(3); torch.manual_seed(3); torch.rand(3) => a
torch.nn.CrossEntropyLoss: nn.CrossEntropyLoss()(x, i[:2]) => cross
torch.nn.functional.cross_entropy: F.cross_entropy(x, i[:2], ignore_index=-100, label_smoothing=0.0,
    reduce=None, reduction="mean", size_average=None, weight=None) => cross
torch.nn.functional.softmax: F.softmax(x, _stacklevel=3, dim=1, dtype=None).sum(1) => [1.0, 1.0]
torch.randint: torch.randint(5, size=(3,)) ~> int64 3
torch.randint: torch.randint(2, 5, (3,)) ~> int64 3
torch.randint: torch.randint(2, 5, (3,), generator=generator) ~> int64 3
torch.randint: torch.randint(5, (3,)) ~> int64 3
Tensor.reshape: x.reshape(3, 2) ~> float32 3 2
Tensor.reshape: x.reshape(1, 3, 2) ~> float32 1 3 2
Tensor.reshape: x.reshape(1, 3, 2, -1) ~> float32 1 3 2 1
Tensor.__len__: len(x) => 2
Tensor.argmax: x.argmax(1) => [2, 1]
Tensor.argmax: x.argmax(dim=1, keepdim=True) => [[2], [1]]
torch.max: values, indices = torch.max(x, 1); (values.tolist(), indices.tolist()) => ([3.0, 5.0],
    [2, 1])
torch.max: torch.max(x, dim=0).values => [1.0, 5.0, 3.0]
torch.nn.Dropout: nn.Dropout(0.5)(x) ~> float32 2 3
torch.nn.Dropout: nn.Dropout(p=0.0)(x) => x
torch.nn.functional.relu: F.relu(x, inplace=False)[0] => [1.0, 0.0, 3.0]
torch.nn.functional.relu: F.relu(x, inplace=True); x[0] => [1.0, 0.0, 3.0]
Module.load_state_dict: str(m.load_state_dict(nn.Linear(3, 4).state_dict())) => "<All keys matched
    successfully>"
Tensor.exp: x.exp()[0, 0] => 2.718281828
torch.Generator: isinstance(torch.Generator(), torch.Generator) => True
torch.exp: torch.exp(x)[0, 0] => 2.718281828
torch.load: torch.save(x, path); file = io.BytesIO(open_bytes(path)); torch.load(file) => x
torch.load: torch.save(x, path); torch.load(path) => x
torch.load: torch.save(x, path); torch.load(io.BytesIO(open_bytes(path)),
    map_location="cpu").device.type => "cpu"
torch.load: torch.save(x, path); torch.load(path, map_location=torch.device("cpu")).cpu() => x
torch.utils.data.Dataset: isinstance(pairs, torch.utils.data.Dataset) and len(pairs) == 3 => True
Module.named_parameters: [name for name, _ in m.named_parameters()] => ["weight", "bias"]
Tensor.float: i.float() ~> float32 3
Tensor.log10: y.log10()[0, 1] => 0.30103
torch.accelerator.current_accelerator: (torch.accelerator.current_accelerator() is None) !=
    torch.accelerator.is_available() => True
torch.nn.Conv2d: nn.Conv2d(1, 4, 3)(images) ~> float32 2 4 4 4
torch.nn.Conv2d: nn.Conv2d(1, 4, 3, 2)(images) ~> float32 2 4 2 2
torch.nn.Conv2d: nn.Conv2d(1, 4, kernel_size=5, padding=2, stride=1)(images) ~> float32 2 4 6 6
torch.nn.functional.log_softmax: F.log_softmax(x, _stacklevel=3, dim=1, dtype=None).exp().sum(1) =>
    [1.0, 1.0]
Tensor.eq: x.eq(y)[0] => [True, False, True]
Tensor.log: y.log()[0, 1] => 0.69314718
Tensor.mul_: x.mul_(0.5)[0] => [0.5, -1.0, 1.5]
Tensor.neg: x.neg()[0] => [-1.0, 2.0, -3.0]
Tensor.squeeze: x[None].squeeze() ~> float32 2 3
Tensor.squeeze: x[None].squeeze(0) ~> float32 2 3
Tensor.type: x.type(torch.int64)[0] => [1, -2, 3]
Tensor.type: x.cpu().type(torch.float64).type() => "tritongrad.DoubleTensor"
Tensor.type: x.type("torch.LongTensor")[0] => [1, -2, 3]
Tensor.var: x.var(1, keepdim=True) => [[19 / 3], [103 / 3]]
Tensor.var: x.var() => 17.9
Tensor.var: x.var(1, keepdim=True, unbiased=False) => [[38 / 9], [206 / 9]]
Tensor.var: x.var((0, 1), keepdim=True) => [[17.9]]
torch.accelerator.is_available: torch.accelerator.is_available() == torch.cuda.is_available() =>
    True
torch.flatten: torch.flatten(torch.ones(2, 3, 4), 1) ~> float32 2 12
torch.flatten: torch.flatten(x) ~> float32 6
torch.nn.LSTM: nn.LSTM(batch_first=True, hidden_size=4, input_size=3)(x[None])[0] ~> float32 1 2 4
torch.nn.LSTM: nn.LSTM(3, 4, 2, batch_first=True)(x[None])[1][0] ~> float32 2 1 4
torch.nn.LSTM: nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)(x[None])[0] ~> float32 1 2 8
torch.sqrt: torch.sqrt(y)[0, 1] => 1.41421356
torch.sum: torch.sum(x) => -3.0
Module.forward: m.forward(x) ~> float32 2 4
Module.forward: Four().forward(x, x, x, x) => 4 * x
Tensor.__float__: float(x[0, 0]) => 1.0
Tensor.__rsub__: (1 - x)[0] => [0.0, 3.0, -2.0]
Tensor.__rsub__: (0.5 - x)[0] => [-0.5, 2.5, -2.5]
Tensor.abs: x.abs()[0] => [1.0, 2.0, 3.0]
Tensor.cpu: x.cpu().device.type => "cpu"
Tensor.div_: x.div_(y)[0] => [1.0, -1.0, 1.0]
Tensor.div_: x.div_(2)[0] => [0.5, -1.0, 1.5]
Tensor.gt: x.gt(0.5)[0] => [True, False, True]
Tensor.gt: x.gt(0)[0] => [True, False, True]
Tensor.max: x.max() => 5.0
Tensor.max: x.max(1, keepdim=True)[0] => [[3.0], [5.0]]
Tensor.max: x.max(1).indices => [2, 1]
Tensor.ndim: x.ndim => 2
Tensor.norm: x.norm(dim=None, dtype=None, keepdim=False, p="fro") => 91 ** 0.5
Tensor.norm: x.norm(dim=1, dtype=None, keepdim=False, p=2) => [14 ** 0.5, 77 ** 0.5]
Tensor.retain_grad: h = w * 2; h.retain_grad(); h.sum().backward(); h.grad => [[1.0] * 3] * 2
Tensor.sigmoid: x.sigmoid()[0, 0] => 0.73105858
Tensor.std: x.std(1, keepdim=True) => [[(19 / 3) ** 0.5], [(103 / 3) ** 0.5]]
Tensor.std: x.std() => 17.9 ** 0.5
Tensor.view_as: x.view_as(torch.ones(3, 2)) ~> float32 3 2
torch.backends.mps.is_available: torch.backends.mps.is_available() => False
torch.log: torch.log(y)[0, 1] => 0.69314718
torch.nn.MaxPool2d: nn.MaxPool2d(2, 2)(images) ~> float32 2 1 3 3
torch.nn.MaxPool2d: nn.MaxPool2d(kernel_size=3, stride=1)(images) ~> float32 2 1 4 4
torch.nn.Tanh: nn.Tanh()(x)[0, 0] => 0.76159416
torch.nn.functional.binary_cross_entropy: F.binary_cross_entropy(half, y / 3, reduce=None,
    reduction="sum", size_average=None, weight=None) => 6 * math.log(2)
torch.nn.functional.binary_cross_entropy: warned(lambda: F.binary_cross_entropy(half, y / 3,
    reduce=None, reduction="mean", size_average=False, weight=None)) => 6 * math.log(2)
torch.nn.functional.max_pool2d: F.max_pool2d(images, 2) ~> float32 2 1 3 3
torch.nn.functional.max_pool2d: F.max_pool2d(images, (2, 3)) ~> float32 2 1 3 2
torch.nn.functional.nll_loss: F.nll_loss(x, i[:2], ignore_index=-100, reduce=None, reduction="mean",
    size_average=None, weight=None) => 0.5
torch.nn.functional.one_hot: F.one_hot(i, num_classes=3) => [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
torch.nn.functional.sigmoid: F.sigmoid(x)[0, 0] => 0.73105858
torch.optim.Adadelta: w.sum().backward(); optim.Adadelta([w], lr=1.0).step(); w.detach() => x -
    0.0031622
torch.optim.lr_scheduler.StepLR: o = optim.SGD([w], lr=1.0); s = optim.lr_scheduler.StepLR(o,
    gamma=0.5, step_size=1); o.step(); s.step(); s.get_last_lr() => [0.5]
torch.randn_like: torch.randn_like(x) ~> float32 2 3
torch.zeros_like: torch.zeros_like(x) => [[0.0] * 3] * 2
Module.register_backward_hook: seen = []; m.register_backward_hook(lambda *a: seen.append(len(a)));
    m(w).sum().backward(); seen => [3]
Module.register_forward_hook: seen = []; m.register_forward_hook(lambda *a:
    seen.append(a[2].shape)); m(x); seen => [(2, 4)]
Node.next_functions: len((w * w).grad_fn.next_functions) => 2
Tensor.__index__: [10, 20, 30][i[0]] => 30
Tensor.__rpow__: (2 ** y)[0] => [2.0, 4.0, 8.0]
Tensor.__rtruediv__: (1.0 / y)[0] => [1.0, 0.5, 1 / 3]
torch.all: torch.all(y > 0) => True
torch.allclose: torch.allclose(x, x + 1e-9) => True
torch.histogram: hist, edges = torch.histogram(y.cpu(), density=True); (hist.shape, edges.shape) =>
    ((100,), (101,))
torch.int32: torch.zeros(1, dtype=torch.int32) ~> int32 1
torch.log1p: torch.log1p(y)[0, 0] => 0.69314718
torch.mm: torch.mm(x, y.t()) => [[6.0, 6.0], [-12.0, -12.0]]
torch.nn.BCELoss: nn.BCELoss()(half, y / 3) => math.log(2)
torch.nn.BatchNorm1d: nn.BatchNorm1d(3)(x).mean(0) => [0.0, 0.0, 0.0]
torch.nn.BatchNorm2d: nn.BatchNorm2d(1)(images) ~> float32 2 1 6 6
torch.nn.Dropout2d: nn.Dropout2d(0.5)(images) ~> float32 2 1 6 6
torch.nn.LeakyReLU: nn.LeakyReLU(0.2)(x)[0] => [1.0, -0.4, 3.0]
torch.nn.Sigmoid: nn.Sigmoid()(x)[0, 0] => 0.73105858
torch.nn.Softmax: nn.Softmax(dim=1)(x).sum(1) => [1.0, 1.0]
torch.sigmoid: torch.sigmoid(x)[0, 0] => 0.73105858
torch.spmm: torch.spmm(x, y.t()) => [[6.0, 6.0], [-12.0, -12.0]]
"""
