"""What the operations are: one declaration each, with a formula for each differentiable argument."""
