"""Instance networks at the limit of the machine: tiled on a CPU, fused on a GPU."""
