"""What the words mean: formats, options, task states, facts, errors. Pure: no I/O, imports nothing of ours."""
