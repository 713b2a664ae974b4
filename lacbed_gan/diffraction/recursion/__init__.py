"""The recursion method: intensities that are exact within the cut-off of the beams."""
