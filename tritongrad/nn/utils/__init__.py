"""nn.utils: gradients clipped, parameters as one vector, sequences of several lengths."""

from typing import TYPE_CHECKING

from tritongrad.absent import names_the_nearest
from tritongrad.nn.utils import rnn as rnn
from tritongrad.nn.utils.clip_grad import clip_grad_norm_ as clip_grad_norm_
from tritongrad.nn.utils.clip_grad import clip_grad_value_ as clip_grad_value_
from tritongrad.nn.utils.clip_grad import get_total_norm as get_total_norm
from tritongrad.nn.utils.convert_parameters import parameters_to_vector as parameters_to_vector
from tritongrad.nn.utils.convert_parameters import vector_to_parameters as vector_to_parameters

if not TYPE_CHECKING:
    __getattr__ = names_the_nearest(__name__)
