"""A repository as a whole: its layout, its workflows, the models and GPUs that it names."""
