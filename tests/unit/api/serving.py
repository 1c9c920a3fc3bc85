"""How tests start the API as a service."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

Start = Callable[..., AbstractAsyncContextManager[int]]
"""`async with served(api_max_body=…) as port:`"""
