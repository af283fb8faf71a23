"""From the box to the first practice: steps that can be left and taken up again, checks that name their remedy."""
