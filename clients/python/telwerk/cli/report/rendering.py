"""A report's page as HTML: one file that asks for nothing else."""

from importlib.resources import files
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from telwerk.cli.report.page import Page

_TEMPLATE: Final = "page.html.jinja"


def html_of(page: Page) -> str:
    """The whole page. Whatever ids it shows, they are texts in it and nothing else."""
    environment = Environment(
        loader=PackageLoader("telwerk.cli.report", ""), autoescape=True, undefined=StrictUndefined, auto_reload=False
    )
    style = files("telwerk.cli.report").joinpath("style.css").read_text(encoding="utf-8")
    # The style is a file of this package, in which nobody's text stands.
    return environment.get_template(_TEMPLATE).render(page=page, style=Markup(style))  # noqa: S704
