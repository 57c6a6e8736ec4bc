"""The parts of gpu_check: each runs in processes of its own, so that a crash loses nothing."""
