"""The version, as pyproject.toml has it (a test compares them)."""

__version__ = "0.1.0"
cuda = hip = git_version = None  # PyTorch's names; nothing here was built against a CUDA of its own
