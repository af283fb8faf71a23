"""What an action may become so that the car touches nothing, and the stop that is always known."""
