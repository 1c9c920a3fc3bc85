"""`make screenshots`: the console in pictures, as docs/images has them. A few pages, in few colours, small."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, async_playwright

from browser.history import write_past
from browser.site import OPERATOR, OWNER, Site, open_site
from browser.visitor import PHONE, Visitors, settled

FOLDER = Path(__file__).parents[2] / "docs" / "images"
WIDE = (1280, 880)
COLOURS = 256
MAX_OCTETS = 150_000
SHOTS = (  # name, who, path, scheme, size
    ("overview-light", OPERATOR, "/", "light", WIDE),
    ("overview-dark", OPERATOR, "/", "dark", WIDE),
    ("message", OPERATOR, "/queue/{queued}", "light", WIDE),
    ("domain", OPERATOR, "/domains/fernhill.example", "light", WIDE),
    ("accounts", OPERATOR, "/accounts", "dark", WIDE),
    ("webhook", OPERATOR, "/webhooks/{webhook}", "light", WIDE),
    ("security", OWNER, "/security", "light", WIDE),
    ("phone", OPERATOR, "/", "light", PHONE),
)


async def take_all(site: Site) -> None:
    await write_past(site)
    async with async_playwright() as playwright:
        executable = shutil.which("chromium") or shutil.which("chromium-browser")
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=executable, args=arguments)
        for shot in SHOTS:
            await _take(browser, site, *shot)
        await browser.close()


async def _take(browser: Browser, site: Site, name: str, person: str, path: str, scheme: str, size: tuple[int, int]) -> None:
    visitors = Visitors(browser, site)
    page = await visitors.signed_in(person, scheme="dark" if scheme == "dark" else "light", size=size, device_scale_factor=1.5)
    await page.goto(f"{site.url}/console{path.replace('{queued}', site.queued).replace('{webhook}', site.webhook)}")
    await settled(page)
    await page.evaluate("document.fonts.ready.then(() => true)")
    picture = Image.open(BytesIO(await page.screenshot())).convert("RGB")
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"console-{name}.png"
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(file, optimize=True)
    assert file.stat().st_size <= MAX_OCTETS, f"{file.name} has {file.stat().st_size} octets"
    await visitors.close()
    print(f"{file.name}: {file.stat().st_size // 1024} KB")


@contextmanager
def _typeface(folder: Path) -> Iterator[None]:
    """Debian has no typeface of the system worth a picture: Inter, where it is installed (`fonts-inter`), stands in."""
    alias = "<alias binding='same'><family>{}</family><prefer><family>{}</family></prefer></alias>"
    families = alias.format("DejaVu Sans", "Inter") + alias.format("ui-monospace", "JetBrains Mono")
    configuration = folder / "fonts.conf"
    configuration.write_text(f"<fontconfig><include>/etc/fonts/fonts.conf</include>{families}</fontconfig>")
    os.environ["FONTCONFIG_FILE"] = str(configuration)
    yield
    del os.environ["FONTCONFIG_FILE"]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mailstead-site-") as folder, _typeface(Path(folder)):
        for site in open_site(Path(folder) / "data", sound=False):
            asyncio.run(take_all(site))


if __name__ == "__main__":
    main()
