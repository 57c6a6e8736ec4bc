"""How operations run on NumPy, where one ufunc is not enough. The files are named as in ops/."""
