"""The CUDA side: devices, memory, streams and graphs; nothing here imports triton or CUDA."""
