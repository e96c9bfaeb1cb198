"""Crystal symmetry from powder neutron diffraction: from crystals to patterns to a trained classifier."""
