"""Every Triton kernel: functions of pointers, sizes and scalars, a file for each group."""

if __name__ == "kernels":
    raise ImportError("these kernels install as tritongrad.kernels: import that instead")
