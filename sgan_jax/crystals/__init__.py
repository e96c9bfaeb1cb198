"""Where crystals come from: CIF files, structure prototypes, statistics of real crystals."""
