"""Scanner and centre effects, learnt on the training set and applied to later ones."""
