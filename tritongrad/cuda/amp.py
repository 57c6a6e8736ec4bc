"""`cuda.amp`: an older name of `tritongrad.amp`, which this module is once it is imported."""

import sys

from tritongrad import amp

sys.modules[__name__] = amp
