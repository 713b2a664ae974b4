"""The matrix A of a zone axis as a product with vectors."""
