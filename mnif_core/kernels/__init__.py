"""Instance networks at the limit of the machine: blocked on a CPU, fused on a GPU."""
