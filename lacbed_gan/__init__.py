"""Pairs of projected crystal potentials and bright-field LACBED patterns, and conditional GANs between them."""
