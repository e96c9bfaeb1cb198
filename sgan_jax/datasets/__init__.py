"""How patterns become a data set."""
