"""What a person sees while a robot practises."""
