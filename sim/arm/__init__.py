"""Serial arms: rigid bodies, servos and contact as formulas; evaluated, differentiated, and written out as kernels."""
