"""How Sphinx makes the pages: ``make docs``."""

import importlib.metadata

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

project = "lacbed_gan"
release = importlib.metadata.version("lacbed_gan")
html_title = f"lacbed_gan {release}"
html_theme = "furo"
html_show_copyright = False
html_math_renderer = "mathml"  # which browsers draw themselves, without a script from elsewhere
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_use_rtype = False


def math(writer, node):
    block = node.tagname == "math_block"
    formula = tex2mathml(node.astext(), as_block=block)
    writer.body.append(f'<div style="padding: 0.6em 0">{formula}</div>' if block else formula)
    raise SkipNode


def bars(app, what, name, obj, options, lines):
    """Docstrings write |g| for a modulus; in reStructuredText bars are a substitution."""
    lines[:] = [line.replace("|", r"\|") for line in lines]


def setup(app):
    app.add_html_math_renderer("mathml", (math, None), (math, None))
    # after napoleon, which has priority 500
    app.connect("autodoc-process-docstring", bars, priority=900)
