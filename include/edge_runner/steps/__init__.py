"""One module per step; each has `run(request, secrets, dirs)` and is imported alone, in the image that has what it needs."""
