"""How a crystal becomes a pattern."""
