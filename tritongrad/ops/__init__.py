"""What the operations are: a declaration each, a formula for each differentiable argument."""
