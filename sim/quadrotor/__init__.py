"""The quadrotor: equations once; kernels of batches on CPU and GPU, adjoint, environments."""
