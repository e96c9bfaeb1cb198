"""Many runs by one command: what a sweep file lists, run here or handed to a cluster."""
