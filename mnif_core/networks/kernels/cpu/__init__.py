"""Instance networks on a CPU, in tiles that stay in its caches."""
