"""The noise that rounding explains: a side's runs, perturbed, and the sums behind each tensor."""
