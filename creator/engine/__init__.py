"""The loop that runs generations: claims tasks, submits them, polls and writes results."""
