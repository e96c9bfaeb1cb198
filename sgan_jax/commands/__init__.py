"""The command line's flags and modes: each mode only calls the other packages."""
