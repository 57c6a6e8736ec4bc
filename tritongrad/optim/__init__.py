"""Optimizers, each one short rule, and the schedules of their learning rates."""

from typing import TYPE_CHECKING

from tritongrad.absent import names_the_nearest
from tritongrad.optim import lr_scheduler as lr_scheduler
from tritongrad.optim.adam import Adam as Adam
from tritongrad.optim.adam import AdamW as AdamW
from tritongrad.optim.adaptive import Adadelta as Adadelta
from tritongrad.optim.adaptive import Adagrad as Adagrad
from tritongrad.optim.adaptive import RMSprop as RMSprop
from tritongrad.optim.optimizer import Optimizer as Optimizer
from tritongrad.optim.sgd import SGD as SGD

if not TYPE_CHECKING:
    __getattr__ = names_the_nearest(__name__)
