"""The web console: pages for people, made by their browser from the public API. This package only hands out its files.

`assets/` is what is handed out, as it stands: no build, nothing from third parties. May import nothing of the API.
"""

from api.console.pages import router

__all__ = ["router"]
