"""Modules, parameters, layers, losses: networks as trees of objects."""

from tritongrad.nn import functional as functional
from tritongrad.nn import init as init
from tritongrad.nn import utils as utils
from tritongrad.nn.activation import CELU as CELU
from tritongrad.nn.activation import ELU as ELU
from tritongrad.nn.activation import GELU as GELU
from tritongrad.nn.activation import GLU as GLU
from tritongrad.nn.activation import SELU as SELU
from tritongrad.nn.activation import Hardsigmoid as Hardsigmoid
from tritongrad.nn.activation import Hardswish as Hardswish
from tritongrad.nn.activation import Hardtanh as Hardtanh
from tritongrad.nn.activation import LeakyReLU as LeakyReLU
from tritongrad.nn.activation import LogSigmoid as LogSigmoid
from tritongrad.nn.activation import LogSoftmax as LogSoftmax
from tritongrad.nn.activation import Mish as Mish
from tritongrad.nn.activation import PReLU as PReLU
from tritongrad.nn.activation import ReLU as ReLU
from tritongrad.nn.activation import ReLU6 as ReLU6
from tritongrad.nn.activation import Sigmoid as Sigmoid
from tritongrad.nn.activation import SiLU as SiLU
from tritongrad.nn.activation import Softmax as Softmax
from tritongrad.nn.activation import Softmax2d as Softmax2d
from tritongrad.nn.activation import Softmin as Softmin
from tritongrad.nn.activation import Softplus as Softplus
from tritongrad.nn.activation import Softsign as Softsign
from tritongrad.nn.activation import Tanh as Tanh
from tritongrad.nn.activation import Tanhshrink as Tanhshrink
from tritongrad.nn.activation import Threshold as Threshold
from tritongrad.nn.container import ModuleDict as ModuleDict
from tritongrad.nn.container import ModuleList as ModuleList
from tritongrad.nn.container import ParameterDict as ParameterDict
from tritongrad.nn.container import ParameterList as ParameterList
from tritongrad.nn.container import Sequential as Sequential
from tritongrad.nn.conv import Conv1d as Conv1d
from tritongrad.nn.conv import Conv2d as Conv2d
from tritongrad.nn.conv import ConvTranspose2d as ConvTranspose2d
from tritongrad.nn.dropout import Dropout as Dropout
from tritongrad.nn.dropout import Dropout1d as Dropout1d
from tritongrad.nn.dropout import Dropout2d as Dropout2d
from tritongrad.nn.dropout import Dropout3d as Dropout3d
from tritongrad.nn.linear import Bilinear as Bilinear
from tritongrad.nn.linear import CosineSimilarity as CosineSimilarity
from tritongrad.nn.linear import Embedding as Embedding
from tritongrad.nn.linear import Flatten as Flatten
from tritongrad.nn.linear import Identity as Identity
from tritongrad.nn.linear import Linear as Linear
from tritongrad.nn.linear import PairwiseDistance as PairwiseDistance
from tritongrad.nn.linear import Unflatten as Unflatten
from tritongrad.nn.loss import BCELoss as BCELoss
from tritongrad.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from tritongrad.nn.loss import CosineEmbeddingLoss as CosineEmbeddingLoss
from tritongrad.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from tritongrad.nn.loss import GaussianNLLLoss as GaussianNLLLoss
from tritongrad.nn.loss import HingeEmbeddingLoss as HingeEmbeddingLoss
from tritongrad.nn.loss import HuberLoss as HuberLoss
from tritongrad.nn.loss import KLDivLoss as KLDivLoss
from tritongrad.nn.loss import L1Loss as L1Loss
from tritongrad.nn.loss import MarginRankingLoss as MarginRankingLoss
from tritongrad.nn.loss import MSELoss as MSELoss
from tritongrad.nn.loss import NLLLoss as NLLLoss
from tritongrad.nn.loss import PoissonNLLLoss as PoissonNLLLoss
from tritongrad.nn.loss import SmoothL1Loss as SmoothL1Loss
from tritongrad.nn.loss import SoftMarginLoss as SoftMarginLoss
from tritongrad.nn.loss import TripletMarginLoss as TripletMarginLoss
from tritongrad.nn.module import Module as Module
from tritongrad.nn.norm import BatchNorm1d as BatchNorm1d
from tritongrad.nn.norm import BatchNorm2d as BatchNorm2d
from tritongrad.nn.norm import BatchNorm3d as BatchNorm3d
from tritongrad.nn.norm import GroupNorm as GroupNorm
from tritongrad.nn.norm import InstanceNorm1d as InstanceNorm1d
from tritongrad.nn.norm import InstanceNorm2d as InstanceNorm2d
from tritongrad.nn.norm import LayerNorm as LayerNorm
from tritongrad.nn.norm import RMSNorm as RMSNorm
from tritongrad.nn.parameter import Buffer as Buffer
from tritongrad.nn.parameter import Parameter as Parameter
from tritongrad.nn.pooling import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from tritongrad.nn.pooling import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from tritongrad.nn.pooling import AvgPool1d as AvgPool1d
from tritongrad.nn.pooling import AvgPool2d as AvgPool2d
from tritongrad.nn.pooling import MaxPool1d as MaxPool1d
from tritongrad.nn.pooling import MaxPool2d as MaxPool2d
from tritongrad.nn.pooling import ZeroPad2d as ZeroPad2d
from tritongrad.nn.rnn import GRU as GRU
from tritongrad.nn.rnn import LSTM as LSTM
from tritongrad.nn.rnn import RNN as RNN
from tritongrad.nn.rnn import GRUCell as GRUCell
from tritongrad.nn.rnn import LSTMCell as LSTMCell
from tritongrad.nn.rnn import RNNCell as RNNCell

_INSTEAD = {
    "MultiheadAttention": "functional.scaled_dot_product_attention",
    "Transformer": "functional.scaled_dot_product_attention",
    "TransformerEncoder": "functional.scaled_dot_product_attention",
    "TransformerEncoderLayer": "functional.scaled_dot_product_attention",
    "TransformerDecoder": "functional.scaled_dot_product_attention",
    "TransformerDecoderLayer": "functional.scaled_dot_product_attention",
    "Conv3d": "Conv2d",
    "MaxPool3d": "MaxPool2d",
    "ConvTranspose1d": "ConvTranspose2d",
    "AdaptiveMaxPool2d": "AdaptiveAvgPool2d",
    "LazyLinear": "Linear",
    "SyncBatchNorm": "BatchNorm2d",
}


def __getattr__(name: str) -> object:
    instead = f": the nearest there is is nn.{_INSTEAD[name]}" if name in _INSTEAD else ""
    raise AttributeError(f"module 'tritongrad.nn' has no attribute {name!r}{instead}")
