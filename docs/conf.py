"""How Sphinx builds the documentation."""

import os
from importlib.metadata import version as version_of
from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_refnode

# The kernels that run the notebooks show their figures in the page.
os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"

project = "userops"
author = "The userops authors"
project_copyright = author
version = release = version_of("userops")
language = "en"

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
]
exclude_patterns = ["_build", "**.ipynb_checkpoints"]

html_theme = "furo"
html_title = f"userops {release}"
html_theme_options = {"navigation_with_keys": True}

# -- The text -------------------------------------------------------------------------------------

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# A tutorial is a notebook in Markdown. Every build runs it, and one that fails, fails the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 300
# What a tutorial writes does not land in the tree.
nb_execution_in_temp = True
nb_merge_streams = True

# -- The reference --------------------------------------------------------------------------------

# Only what a package lists in `__all__`, in that order.
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
# A docstring sets code in single backticks, as its reader in an editor is used to.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True

# -- References -----------------------------------------------------------------------------------

# A build reads nothing from the network, so types of other projects get no link; nor do the names
# that annotations use for private types. A full name of ours must exist, and so must every error
# that a docstring says is raised.
nitpick_ignore_regex = [
    (r"py:(?!exc).*", r"(?!userops\.)[\w.]+"),
    (r"py:.*", r"userops\.(?:\w+\.)*_\w+"),
    (r"py:class", r"userops\.(?:\w+\.)*[A-Z]"),  # type variables
]


def link_by_short_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, contnode: Element
) -> Element | None:
    """Link a name that an annotation or a docstring uses without its module."""
    target = node["reftarget"]
    if node.get("refdomain") != "py" or target.startswith("userops."):
        return None
    short = target.rpartition(".")[2]
    found = {
        (entry.docname, entry.node_id)
        for name, entry in env.domains.python_domain.objects.items()
        if name.rpartition(".")[2] == short and entry.objtype in {"class", "exception", "data"}
    }
    if len(found) != 1:
        return None
    docname, node_id = found.pop()
    return make_refnode(app.builder, node["refdoc"], docname, node_id, contnode, short)


def read_no_types_in_docstrings(*event: Any) -> None:
    """Keep napoleon from taking the words before a colon for a type.

    Types stand in annotations only, so a returned value or an attribute is described in prose,
    which may hold a colon. A type that is there, and empty, ends the search for one.
    """
    _, what, _, _, _, lines = event
    if what in {"attribute", "data", "property"}:
        lines[:1] = [f": {line}" for line in lines[:1]]
        return
    for number, line in enumerate(lines[:-1], 1):
        if line.strip() in {"Returns:", "Yields:"}:
            prose = lines[number].lstrip()
            lines[number] = f"{lines[number].removesuffix(prose)}: {prose}"


def set_drawings_as_code(*event: Any) -> None:
    """Set what stands indented in the docstring of a module, such as a tree, as it is drawn."""
    _, what, _, _, _, lines = event
    if what != "module":
        return
    for number in range(len(lines) - 1, 1, -1):
        above = next((line for line in reversed(lines[:number]) if line), "")
        if lines[number].startswith("    ") and not lines[number - 1] and above[:1] != " ":
            lines[number:number] = ["::", ""]


def write_made_defaults(*event: Any) -> tuple[str | None, str | None]:
    """Write a default that attrs makes anew for each object as `...`, not as attrs' own marker."""
    signature, returned = event[5], event[6]
    return signature and signature.replace("= NOTHING", "= ..."), returned


def setup(app: Sphinx) -> None:
    """Register what this file adds."""
    app.connect("missing-reference", link_by_short_name)
    # Before napoleon, which has the usual priority of 500.
    app.connect("autodoc-process-docstring", read_no_types_in_docstrings, priority=400)
    app.connect("autodoc-process-docstring", set_drawings_as_code, priority=400)
    app.connect("autodoc-process-signature", write_made_defaults)
