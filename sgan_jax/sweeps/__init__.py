"""Many runs with one command: those listed in a sweep file, run locally or on a cluster."""
