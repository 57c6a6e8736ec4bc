"""Quick ways of operations: what they take, what they leave to the general way, what they record."""
