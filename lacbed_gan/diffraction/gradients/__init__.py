"""Intensities as differentiable functions of the potential, the thickness and the direction of the beam."""
