"""Where crystals come from: CIF files and structure prototypes."""
