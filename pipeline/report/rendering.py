"""Pages that are one file each: templates that are filled, and pictures embedded in them."""

from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from plotly.offline import get_plotlyjs

from pipeline.report.layout import Picture

_ENVIRONMENT = Environment(
    loader=PackageLoader("pipeline.report"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters["breakable"] = lambda name: escape(name).replace("_", Markup("_<wbr>"))


@dataclass(frozen=True)
class Embedded:
    """A picture as the page embeds it."""

    picture: Picture
    json: str | None

    @property
    def height(self) -> int:
        """Room to keep until it is drawn, in pixels."""
        return 0 if self.picture.figure is None else int(self.picture.figure.layout.height)


def embedded(picture: Picture) -> Embedded:
    """Return a picture with its figure as JSON that may stand in a script element."""
    if picture.figure is None:
        return Embedded(picture, None)
    text: str = picture.figure.to_json(validate=False, engine="json")
    return Embedded(picture, text.replace("<", "\\u003c"))


def fill(template: str, **values: object) -> str:
    """Return a page.

    Args:
        template: Name of one that extends `base.html`.
        values: What stands in it; texts are escaped.

    Returns:
        HTML that needs no other file and no network.
    """
    return _ENVIRONMENT.get_template(template).render(**values, plotly=get_plotlyjs())
