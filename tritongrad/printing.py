def represent(t, c=None): return str(t._host())
