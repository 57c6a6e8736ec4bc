"""Modules, parameters, layers, losses: networks as trees of objects."""

from .module import Module as Module
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
