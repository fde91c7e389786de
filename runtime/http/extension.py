"""Routes and middleware of the user's own, added to the server's FastAPI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.configuration.own_code import own_module
from runtime.configuration.settings import SettingsError

if TYPE_CHECKING:
    from fastapi import FastAPI


def extend(app: FastAPI, name: str) -> FastAPI:
    """Let the user's function add to the application.

    Args:
        app: With our routes on it.
        name: `module:function` of the image, or of the working directory; the function takes the application.

    Raises:
        SettingsError: There is no such function, or it fails.
    """
    module, separator, function = name.partition(":")
    if not module or not separator or not function:
        raise SettingsError(f"--app (MLSERVICE_APP): {name!r} is not of the form module:function")
    try:
        getattr(own_module(module), function)(app)
    except Exception as error:  # the user's code may raise anything
        raise SettingsError(f"--app (MLSERVICE_APP): {name} cannot be applied: {error!r}") from error
    return app
