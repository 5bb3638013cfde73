"""What of a tracking store's address is secret, and how it is kept out of all that is written.

The address may be given on the command line, in a YAML file or by the environment; what was
composed decides, and what it holds is hidden in each spelling in which a file may quote it.
"""

import html
import json
import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf

from pipeline.configuration.config import ConfigError

_VARIABLE = "MLFLOW_TRACKING_URI"
_SECTION = re.compile(r"\+{0,2}tracking(\.uri)?=")
_SHOWN = "***"


def redact(uri: str) -> str:
    """Return an address without its secrets: user, password and query.

    Args:
        uri: A tracking store's address, valid or not.

    Returns:
        The address as it may be shown and stored; the same as `uri` if it holds no secret.

    Example:
        >>> redact("https://me:secret@example.org?token=1")
        'https://***@example.org?***'
    """
    if uri.startswith(("sqlite:", "sqlite+")):
        return uri
    hidden = re.sub(r"^([A-Za-z][\w+.-]*:/*)?.*@", r"\1***@", uri, flags=re.DOTALL)
    return re.sub(r"\?.*", "?***", hidden, flags=re.DOTALL)


def hide(uri: str, text: str) -> str:
    """Return a text, such as an error's, without the secrets of an address.

    Args:
        uri: The address.
        text: What may quote it, whole or in part, as it is or escaped.

    Returns:
        The text as it may be shown.
    """
    shown = redact(uri)
    if shown == uri:
        return text
    parts = urlsplit(uri)
    user = parts.netloc.rpartition("@")[0]
    name, _, password = user.partition(":")
    text = text.replace(uri, shown)
    for secret in filter(None, (user, password, parts.query)):
        for spelling in _spellings(secret):
            text = text.replace(spelling, _SHOWN)
    # A name is part of other words; alone it may be a token.
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _SHOWN, text) if name else text


def hidden(uri: str, value: Any) -> Any:
    """Return plain data in which no text holds the secrets of an address.

    Args:
        uri: The address.
        value: Nested mappings, lists and scalars.
    """
    if isinstance(value, str):
        return hide(uri, value)
    if isinstance(value, dict):
        return {key: hidden(uri, item) for key, item in value.items()}
    if isinstance(value, list):
        return [hidden(uri, item) for item in value]
    return value


def kept_from_files(config: DictConfig) -> None:
    """Take an address with secrets out of a composed configuration that Hydra will write.

    Args:
        config: Its `tracking.uri` has the same value afterwards, from the environment.
    """
    uri = config.tracking.uri
    if redact(uri) != uri:
        os.environ[_VARIABLE] = uri
        config.tracking.uri = f"${{oc.env:{_VARIABLE}}}"
        _hide_in(config, OmegaConf.to_container(config, resolve=False), uri)


def _hide_in(config: DictConfig | ListConfig, plain: Any, uri: str) -> None:
    for key, value in plain.items() if isinstance(plain, dict) else enumerate(plain):
        if isinstance(value, str) and hide(uri, value) != value:
            config[key] = hide(uri, value)
        elif isinstance(value, dict | list):
            _hide_in(config[key], value, uri)


def handed_over(arguments: Sequence[str]) -> list[str]:
    """Hand an address with secrets to the environment: Hydra writes its arguments into files.

    Args:
        arguments: The command line's.

    Returns:
        The same, with the variable's name in the place of the address.

    Raises:
        ConfigError: It stands where it cannot be taken out.
    """
    return [_handed_over(item) if _SECTION.match(item) else item for item in arguments]


def _handed_over(argument: str) -> str:
    key, value = argument.partition("=")[0], _value(argument)
    address = value.get("uri") if isinstance(value, dict) else value
    if address is None or (isinstance(address, str) and redact(address) == address):
        return argument
    if not isinstance(value, str):  # a sweep over addresses, or a section that holds one
        raise ConfigError(
            f"an address is given as one text, tracking.uri=ADDRESS, or by the variable "
            f"{_VARIABLE}; received {key}={redact(argument.partition('=')[2])}"
        )
    os.environ[_VARIABLE] = value
    return f"{key}=${{oc.env:{_VARIABLE}}}"


def _value(argument: str) -> Any:
    """Return the value as Hydra reads it; of what it cannot read, such as a bare `?`, the text."""
    try:
        return OverridesParser.create().parse_override(argument).value()
    except HydraException:
        return argument.partition("=")[2].strip("'\"")


def _spellings(secret: str) -> set[str]:
    """Return how a text may quote a secret: in an address, in JSON, YAML and HTML."""
    plain = unquote(secret)
    quoted = {secret, plain, quote(plain, safe=""), quote(plain, safe="").lower(), quote(plain)}
    escaped = {json.dumps(text)[1:-1] for text in quoted}
    return {*quoted, *escaped, html.escape(secret), html.escape(plain), plain.replace("'", "''")}
