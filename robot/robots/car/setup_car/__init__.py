"""What an owner gets wrong about a car, measured: slowly, by lidar, wheels and IMU, before anything is believed."""
