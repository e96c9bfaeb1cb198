"""From a crystal and an instrument to a powder pattern."""
