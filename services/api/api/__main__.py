"""`python -m api`: one replica of the API service, configured by `MAILSTEAD_*` variables."""

from api.app import api
from api.settings import ApiSettings
from mailstead.ops.lifecycle import main

if __name__ == "__main__":
    main(api, ApiSettings, "api")
