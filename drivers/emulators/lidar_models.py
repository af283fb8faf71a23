"""Which driver speaks with each emulated lidar. Apart from the emulators, which are slow to import: a guardian reads a robot's file too."""

DRIVER_OF = {
    **dict.fromkeys(("rplidar", *(f"rplidar-{model}" for model in ("a1", "a2m8", "a2m12", "a3", "s1", "s2", "s3", "c1"))), "rplidar"),
    **dict.fromkeys(("ld06", "ld19"), "ld19"),
    **dict.fromkeys(("hokuyo-ust-10lx", "hokuyo-ust-20lx"), "hokuyo"),
}  # fmt: skip
USUAL = "rplidar"
