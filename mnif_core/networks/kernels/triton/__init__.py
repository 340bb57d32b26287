"""Instance networks on a GPU, by Triton."""
