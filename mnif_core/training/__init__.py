"""Training from Python and the shell: one loop for every modality whose fields are known at points."""
