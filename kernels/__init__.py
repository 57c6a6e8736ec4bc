"""Every Triton kernel: functions of pointers, sizes and scalars, one file per group of operations."""

if __name__ == "kernels":
    raise ImportError("these kernels install as tritongrad.kernels: import that instead")
