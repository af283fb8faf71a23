"""The car: equations once; kernels of batches, adjoint, lidar, the yardstick of its best lap."""
