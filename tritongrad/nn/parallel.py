"""`nn.parallel`, which programs import before they ask whether there are several GPUs."""

from tritongrad.absent import names_the_nearest

__getattr__ = names_the_nearest(__name__)
