"""The settings of Sphinx for the site. `build.py` builds it twice with them: in English, and with `language=zh_CN`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import pages
import python_reference
from chinese_search import ChineseSearch

project = "exp"
language = "en"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site", "**.zh.md"]

myst_heading_anchors = 4  # `page.md#a-heading` is a link, and a wrong one ends the build
myst_links_external_new_tab = False

default_role = "py:obj"  # in docstrings, `x` is code, and a link if x is on a page
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
add_module_names = False
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = "exp"
html_copy_source = False
html_show_search_summary = False  # it fetches pages, which a browser refuses to those of a folder
html_static_path = ["static"]
html_css_files = ["style.css"]
templates_path = ["templates"]
html_sidebars = {"index": []}
html_context = {"default_mode": "auto"}  # dark or light as the system has it
html_theme_options = {
    "logo": {"text": "exp"},
    "navbar_persistent": ["search-button", "language"],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {"**": ["page-toc"], "index": []},
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "github-light",
    "pygments_dark_style": "github-dark",
}
copybutton_selector = "div:not(.highlight-text) > div.highlight pre"  # what a program prints is not to be copied


def setup(app):
    app.add_search_language(ChineseSearch)
    app.connect("autodoc-process-signature", python_reference.signed)
    app.connect("autodoc-process-docstring", python_reference.read, priority=400)  # before Napoleon's
    app.connect("source-read", pages.read)
    app.connect("doctree-read", pages.name_headings)
    app.connect("html-page-context", pages.describe)
