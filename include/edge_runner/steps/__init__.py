"""One module per step, each with `run(request, secrets, dirs)`; a step is imported alone, where it runs."""
