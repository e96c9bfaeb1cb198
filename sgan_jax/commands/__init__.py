"""The command line's modes: from flags to calls of the rooms, and nothing else."""
