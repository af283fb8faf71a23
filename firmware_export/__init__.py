"""What goes onto the chip. Empty until a policy leaves the computer."""
