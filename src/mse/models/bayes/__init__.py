"""Bayesian models: a density, a sampler, and the checks without which there is no answer."""
