"""Names that PyTorch has and this library has not: the error of each names the nearest thing."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

# name ...: what to use instead. Words that begin with "tritongrad." are names that exist.
TABLE = {
    "tritongrad": """
GradScaler: tritongrad.amp.GradScaler
jit fx export compiler: tritongrad.compile, which gives models back as they are;
    tritongrad.cuda.graphed captures a whole step
distributed: one process; mpi4py takes tensor.numpy(), or tensors on cuda as they are
multiprocessing: Python's multiprocessing; tritongrad.utils.data.DataLoader has its own workers
vmap func: operations on batches, such as tritongrad.bmm, tritongrad.einsum
fft stft istft special: numpy.fft or scipy on tensor.numpy()
linalg: numpy.linalg on tensor.numpy(); products and norms are tritongrad.matmul, tritongrad.norm
inverse det logdet slogdet svd qr cholesky lu solve lstsq pinverse matrix_exp matrix_power:
    numpy.linalg on tensor.numpy()
sparse sparse_coo_tensor sparse_csr_tensor smm sspaddmm: tritongrad.spmm; every tensor is dense
complex complex64 complex128 cfloat cdouble real imag angle conj polar view_as_real
    view_as_complex is_complex: a last dim of two, as in tritongrad.stack([real, imag], -1)
hub onnx: tritongrad.load reads safetensors files
quantization quantize_per_tensor qint8 ao: tritongrad.bfloat16
cartesian_prod combinations: itertools, then tritongrad.tensor
cdist dist pdist: tritongrad.norm(a[:, None] - b, dim=-1)
kron cross block_diag chain_matmul: tritongrad.einsum, tritongrad.matmul
isin: (x[..., None] == values).any(-1)
isreal isneginf isposinf: tritongrad.isinf, tritongrad.isfinite
tan: tritongrad.sin(x) / tritongrad.cos(x)
sinh cosh asin acos atan asinh acosh atanh: tritongrad.atan2, tritongrad.exp, tritongrad.log
exp2: 2 ** x
erfc erfinv lgamma digamma: tritongrad.erf
logaddexp logcumsumexp: tritongrad.logsumexp
hypot: tritongrad.sqrt(x * x + y * y)
kthvalue mode nanmedian nanquantile: tritongrad.sort, tritongrad.median, tritongrad.quantile
cummax cummin: tritongrad.cumsum, tritongrad.amax
diff: x[1:] - x[:-1]
trapezoid trapz gradient: tritongrad.sum of weighted values
tril_indices triu_indices: tritongrad.nonzero of tritongrad.tril(tritongrad.ones(n, n))
unique_consecutive: tritongrad.unique
take put: tritongrad.gather, tritongrad.index_put, or x.flatten()[index]
scatter_reduce index_reduce segment_reduce: tritongrad.scatter_add, tritongrad.index_add
masked_scatter select_scatter slice_scatter: x[mask] = values
dstack: tritongrad.stack, tritongrad.cat
range: tritongrad.arange
scalar_tensor: tritongrad.tensor
poisson binomial: tritongrad.random.default_generator draws tritongrad.bernoulli, tritongrad.normal
set_deterministic_debug_mode: nothing to switch on: the same call gives the same bits each time
set_default_tensor_type: tritongrad.set_default_dtype
set_flush_denormal: denormals are kept
set_num_interop_threads get_num_interop_threads: tritongrad.set_num_threads
mps xpu: tritongrad.cuda
channels_last channels_last_3d: tensor.permute(0, 2, 3, 1)
strided: every tensor is an array with strides
float8_e4m3fn float8_e5m2 uint16 uint32 uint64: tritongrad.bfloat16, tritongrad.uint8
frombuffer from_file: tritongrad.from_numpy(numpy.frombuffer(..)), numpy.memmap""",
    "tritongrad.nn": """
Conv3d: tritongrad.nn.Conv2d
MaxPool3d AvgPool3d: tritongrad.nn.MaxPool2d
ConvTranspose1d ConvTranspose3d: tritongrad.nn.ConvTranspose2d
AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveAvgPool3d: tritongrad.nn.AdaptiveAvgPool2d
LazyLinear: tritongrad.nn.Linear
LazyConv2d: tritongrad.nn.Conv2d
SyncBatchNorm: tritongrad.nn.BatchNorm2d
EmbeddingBag: tritongrad.nn.Embedding, then sum or mean
Fold Unfold: Tensor.unfold, tritongrad.nn.Conv2d
ReflectionPad3d ReplicationPad3d: tritongrad.nn.ReflectionPad2d, tritongrad.nn.ReplicationPad2d
CTCLoss MultiMarginLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss:
    tritongrad.nn.CrossEntropyLoss, tritongrad.nn.BCEWithLogitsLoss
AlphaDropout: tritongrad.nn.Dropout
LocalResponseNorm: tritongrad.nn.GroupNorm
TripletMarginWithDistanceLoss: tritongrad.nn.TripletMarginLoss
RReLU: tritongrad.nn.LeakyReLU
DataParallel: one process trains on one device; tritongrad.nn.Module.to moves a model
modules quantized: tritongrad.nn has every layer itself""",
    "tritongrad.nn.parallel": """
DataParallel DistributedDataParallel data_parallel: one process trains on one device;
    tritongrad.nn.Module.to moves a model""",
    "tritongrad.nn.functional": """
grid_sample affine_grid: tritongrad.nn.functional.interpolate
multi_head_attention_forward: tritongrad.nn.MultiheadAttention
unfold fold: Tensor.unfold
conv3d: tritongrad.nn.functional.conv2d
embedding_bag: tritongrad.nn.functional.embedding
ctc_loss: tritongrad.nn.functional.cross_entropy
gumbel_softmax: tritongrad.nn.functional.softmax of logits less
    log(-log(tritongrad.rand_like(logits)))""",
    "tritongrad.optim": """
LBFGS: tritongrad.optim.Adam; closures work with every optimizer
NAdam RAdam Adamax Adafactor Muon SparseAdam: tritongrad.optim.AdamW
ASGD Rprop: tritongrad.optim.SGD, tritongrad.optim.RMSprop
swa_utils: a mean of state_dicts""",
    "tritongrad.optim.lr_scheduler": """
CosineAnnealingWarmRestarts CyclicLR: tritongrad.optim.lr_scheduler.CosineAnnealingLR,
    tritongrad.optim.lr_scheduler.OneCycleLR
MultiplicativeLR PolynomialLR: tritongrad.optim.lr_scheduler.LambdaLR
ChainedScheduler: tritongrad.optim.lr_scheduler.SequentialLR""",
    "tritongrad.nn.init": """
orthogonal_ dirac_ sparse_: tritongrad.nn.init.xavier_uniform_""",
    "tritongrad.nn.utils": """
weight_norm spectral_norm parametrizations parametrize prune: a property of your own Module
stateless: tritongrad.nn.functional with tensors of your own""",
    "tritongrad.utils": """
tensorboard: tritongrad.plot; the package tensorboardX writes for TensorBoard
checkpoint: tritongrad.no_grad in the forward pass of a tritongrad.autograd.Function
model_zoo: tritongrad.load""",
    "tritongrad.utils.data": """
distributed DistributedSampler: tritongrad.utils.data.Sampler with every n-th index
datapipes IterDataPipe: tritongrad.utils.data.IterableDataset""",
    "tritongrad.distributions": """
Multinomial OneHotCategorical Binomial Geometric: tritongrad.distributions.Categorical,
    tritongrad.distributions.Bernoulli
MultivariateNormal LogNormal Laplace Cauchy HalfNormal: tritongrad.distributions.Normal
Beta Gamma Dirichlet Exponential Poisson StudentT: numpy.random, then tritongrad.tensor
TransformedDistribution transforms constraints: operations on samples, and on log_prob
MixtureSameFamily RelaxedBernoulli RelaxedOneHotCategorical: tritongrad.logsumexp,
    tritongrad.rand""",
    "tritongrad.amp": """
custom_fwd custom_bwd: tensor.to(tritongrad.bfloat16); nothing is cast by itself""",
    "tritongrad.cuda": """
max_memory_reserved memory_stats memory_snapshot: tritongrad.cuda.memory_summary
is_initialized: tritongrad.cuda.is_available
get_device_properties: tritongrad.cuda.get_device_name, tritongrad.cuda.get_device_capability
get_rng_state set_rng_state: tritongrad.get_rng_state, tritongrad.set_rng_state
nccl: one process; see docs/differences.md""",
    "tritongrad.autograd": """
forward_ad: tritongrad.autograd.functional.jvp
profiler: tritongrad.profiler""",
    "Tensor": """
addmm_ baddbmm_: tritongrad.addmm, tritongrad.baddbmm
geometric_ cauchy_ log_normal_: Tensor.uniform_, Tensor.normal_
resize_ resize_as_: tritongrad.empty
set_ untyped_storage storage: Tensor.data
unsqueeze_ squeeze_ transpose_ t_: the form without _, which is a view
cumsum_ cumprod_: Tensor.cumsum, Tensor.cumprod
inverse det svd qr cholesky: numpy.linalg on x.numpy()
scatter_reduce scatter_reduce_: Tensor.scatter_add
masked_scatter masked_scatter_: x[mask] = values
nan_to_num_: x.copy_(x.nan_to_num())
share_memory_: Python's multiprocessing.shared_memory below tritongrad.from_numpy
to_sparse to_dense is_sparse coalesce layout: every tensor is an array with strides
record_stream: nothing to do: memory is reused in the order of streams
register_post_accumulate_grad_hook: Tensor.register_hook
new: Tensor.new_empty
take put_: x.flatten()[index]
kthvalue: Tensor.sort
diff: x[1:] - x[:-1]
apply_ map_: Tensor.numpy, and numpy.vectorize
is_quantized is_meta is_shared: nothing to ask: no tensor is
tan sinh cosh atan asin acos: Tensor.sin, Tensor.cos, tritongrad.atan2""",
}
ELSEWHERE = ("tritongrad", "tritongrad.nn.functional", "tritongrad.nn", "tritongrad.optim")


def instead(place: str) -> dict[str, str]:
    """Name -> what to use instead, of one module or of Tensor."""
    found = {}
    for line in TABLE.get(place, "").strip().replace("\n    ", " ").splitlines():
        names, _, nearest = line.partition(": ")
        found.update(dict.fromkeys(names.split(), nearest))
    return found


def names_the_nearest(place: str) -> Callable[[str], Any]:
    """`__getattr__` of a module; with a `__path__`, `from place import name` asks the Finder."""
    vars(sys.modules[place]).setdefault("__path__", [])

    def get(name: str) -> Any:
        raise missing(place, name)

    return get


class Finder:
    """The last of Python's finders: importing what is not there says what there is instead.

    Of `from place import name` Python itself keeps no other error than one of a missing module.
    """

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        """An error for what no other finder has found in this library; None for all else."""
        place, _, last = name.rpartition(".")
        if place.partition(".")[0] == "tritongrad" and last not in vars(sys.modules[place]):
            raise ModuleNotFoundError(f"No module named {name!r}{nearest(place, last)}")


def missing(place: str, name: str) -> AttributeError:
    """The error for a name that a module has not."""
    if is_module(place, name):
        return AttributeError(name)  # the import system asks so before it loads one, and goes on
    return AttributeError(f"module {place!r} has no attribute {name!r}{nearest(place, name)}")


def is_module(place: str, name: str) -> bool:
    """Whether a name is that of a file in a package."""
    folders = vars(sys.modules[place]).get("__path__", ())
    return any(os.path.exists(os.path.join(folder, f"{name}.py")) for folder in folders)


def nearest(place: str, name: str) -> str:
    """The end of an error's text: what there is in place of a name."""
    if name.startswith("__"):
        return ""
    found = instead(place).get(name)
    if found is None:
        found = elsewhere(place, name) or alike(place, name)
    if found is None:
        return "; docs/differences.md says what is left out"
    return f": the nearest there is: {found}"


def elsewhere(place: str, name: str) -> str | None:
    """The same name in another module, or as a method of tensors."""
    for other in ELSEWHERE:
        if other != place and name in vars(importlib.import_module(other)):
            return f"{other}.{name}"
    has_it = hasattr(sys.modules["tritongrad"].Tensor, name)
    return f"Tensor.{name}" if has_it else None


def alike(place: str, name: str) -> str | None:
    """A name of the module that is spelt nearly so."""
    known = [n for n in dir(sys.modules[place]) if not n.startswith("_")]
    import difflib  # needed for an error only

    close = difflib.get_close_matches(name, known, 3, 0.8)
    close.sort(key=lambda n: isinstance(getattr(sys.modules[place], n), ModuleType))
    return f"{place}.{close[0]}" if close else None


class Absent:
    """A method that tensors do not have: asking for it is an error that says what they have.

    `__getattr__` would do the same, but a class that has one is read more slowly everywhere.
    """

    __slots__ = ("name", "nearest")

    def __init__(self, name: str, nearest: str) -> None:
        self.name = name
        self.nearest = nearest

    def __get__(self, instance: Any, owner: type) -> Any:
        kind = repr(owner.__name__)
        what = f"type object {kind}" if instance is None else f"{kind} object"
        raise AttributeError(
            f"{what} has no attribute {self.name!r}: the nearest there is: {self.nearest}"
        )


def put_on(kind: type) -> None:
    """Give a class the errors of the methods that it has not."""
    for name, nearest in instead("Tensor").items():
        if not hasattr(kind, name):
            setattr(kind, name, Absent(name, nearest))
