"""What keeps the robot from hurting itself: monitors, the supervisor, the predictive brake, the guardian process."""
