"""How Sphinx makes the pages: ``make docs``."""

import importlib.metadata

project = "lacbed_gan"
release = importlib.metadata.version("lacbed_gan")
html_title = f"lacbed_gan {release}"
html_theme = "furo"
html_show_copyright = False
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_use_rtype = False


def bars(app, what, name, obj, options, lines):
    """Docstrings write |g| for a modulus; in reStructuredText bars are a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app):
    # after napoleon, which has priority 500
    app.connect("autodoc-process-docstring", bars, priority=900)
