"""From the box to the first lap: steps that can be left and taken up again, checks that name their remedy."""
