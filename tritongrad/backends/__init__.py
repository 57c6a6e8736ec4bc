"""`backends`: the switches that PyTorch's programs ask for, as far as they mean something here."""

from . import cuda as cuda
from . import cudnn as cudnn
from . import mps as mps
