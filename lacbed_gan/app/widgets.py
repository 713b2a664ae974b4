"""Parts of the page that both tabs use: a place to drop files, an image with its downloads, colours and contrast."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from nicegui import ui
from nicegui.events import UploadEventArguments

from lacbed_gan.app.export import png_of, tiff_of
from lacbed_gan.app.picture import COLOUR_MAPS, Look, Picture, empty_svg, svg
from lacbed_gan.app.uploads import MOST_BYTES

PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
# The whole place takes a click, as it takes a file that is dropped on it.
DROP_HERE = """
<q-btn flat no-caps class="drop-here" @click="props.pickFiles">
    <q-uploader-add-trigger /><span>{text}</span>
</q-btn>
"""


class Drop:
    """A place for one file, to drop it or to choose it.

    Args:
        text: what belongs here.
        on_file: gets the file's bytes and name.
        on_refusal: gets a sentence where a file was not taken.
    """

    def __init__(
        self, text: str, on_file: Callable[[bytes, str], Awaitable[None]], on_refusal: Callable[[str], None]
    ) -> None:
        async def uploaded(event: UploadEventArguments) -> None:
            await on_file(await event.file.read(), event.file.name)

        def rejected() -> None:
            on_refusal(f"That was not taken: one file of at most {MOST_BYTES // 2**20} MB, please.")

        def failed() -> None:
            place.reset()  # or the failed file would be in the way of the next
            on_refusal("The file could not be sent; try again.")

        place = ui.upload(on_upload=uploaded, on_rejected=rejected, max_file_size=MOST_BYTES, auto_upload=True)
        place.classes("drop").props("flat bordered")
        place.add_slot("header", DROP_HERE.format(text=text))
        place.add_slot("list", "<span></span>")
        place.on("failed", failed, args=[])
        # In the browser, at once: by way of the server it could remove the next file, that is on its way already.
        place.on("uploaded", js_handler=f"() => getElement({place.id}).$refs.qRef.removeUploadedFiles()")


class Colours:
    """The choice of colours for all images of the page; each has a contrast of its own."""

    def __init__(self) -> None:
        self._panels: list[Panel] = []
        self._map = ui.select(list(COLOUR_MAPS), value=Look().colour_map, label="colours", on_change=self._changed)
        self._map.props("dense options-dense outlined").classes("colours")

    @property
    def colour_map(self) -> str:
        """The chosen one, a key of `COLOUR_MAPS`."""
        return self._map.value

    def add(self, panel: Panel) -> None:
        """Have a panel drawn again whenever the colours change."""
        self._panels.append(panel)

    def _changed(self) -> None:
        for panel in self._panels:
            panel.draw()


class Panel:
    """One image with axes, a line about it, and its downloads.

    Args:
        caption: what stands above the image in a PNG, and names its files: formula, space group, a.
    """

    def __init__(self, name: str, colours: Colours, caption: Callable[[], str]) -> None:
        self._name, self._colours, self._caption = name, colours, caption
        self._picture: Picture | None = None
        with ui.column().classes("panel"):
            with ui.row().classes("panel-head"):
                self._title = ui.label(name).classes("panel-title")
                self._buttons = [
                    ui.button(kind, on_click=save).props("flat dense no-caps size=sm")
                    for kind, save in (("PNG", self._save_png), ("TIFF", self._save_tiff))
                ]
            self._drawing = ui.html(sanitize=False).classes("drawing")
            self._contrast = ui.range(min=0, max=100, step=1, on_change=self.draw)
            self._contrast.props(f"label dense aria-label='contrast of {name}'").classes("contrast")
            self._line = ui.label().classes("panel-said")
        colours.add(self)
        self.clear()

    def show(self, picture: Picture, line: str = "") -> None:
        """Show another picture, and a line below it."""
        self._picture = picture
        self._title.text = picture.title
        self._line.text = line
        self.draw()

    def clear(self, line: str = "") -> None:
        """Show a frame with a few words instead."""
        self._picture = None
        self._title.text, self._line.text = self._name, ""
        self._drawing.content = empty_svg(line)
        for button in self._buttons:
            button.set_enabled(False)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say in the empty frame what is under way, and for how long."""
        with _clock(lambda seconds: self.clear(f"{what}, {seconds} s")):
            yield

    def draw(self) -> None:
        """Draw the picture in the colours of the page."""
        if self._picture is not None:
            self._drawing.content = svg(self._picture, self._look)
            for button in self._buttons:
                button.set_enabled(True)

    @property
    def _look(self) -> Look:
        ends = self._contrast.value
        low = min(ends["min"], 99) / 100  # two ends at one place would leave nothing to draw
        return Look(self._colours.colour_map, low, max(ends["max"] / 100, low + 0.01))

    async def _save_png(self) -> None:
        picture, look, caption = self._picture, self._look, self._caption()
        ui.download.content(await asyncio.to_thread(png_of, picture, look, caption), self._file("png"), "image/png")

    def _save_tiff(self) -> None:
        ui.download.content(tiff_of(self._picture), self._file("tif"), "image/tiff")

    def _file(self, suffix: str) -> str:
        words = f"{self._caption().split(', a =')[0]} {self._picture.title}".translate(PLAIN)
        return "_".join(re.findall(r"[\w-]+", words, re.ASCII)) + f".{suffix}"


class Messages:
    """The lines below the images: what is shown, why not, warnings, and the verdict of the check.

    Args:
        welcome: said before anything is given.
    """

    def __init__(self, welcome: str) -> None:
        self._refusal = ui.label().classes("refusal").props("role=alert")
        self._about = ui.label(welcome).classes("about")
        self._progress = ui.label().classes("verdict").props("role=status")
        self._verdict = ui.label().classes("verdict").props("role=status")
        self._warnings = ui.column().classes("warnings")

    def show(self, about: str, warnings: list[str]) -> None:
        """Say what is shown and what to beware of."""
        self._refusal.text = self._verdict.text = ""
        self._about.text = about
        self._warnings.clear()
        with self._warnings:
            for line in warnings:
                ui.label(f"Warning: {line}.").classes("warning")

    def refuse(self, sentence: str) -> None:
        """Say why there is no answer."""
        self._about.text = self._verdict.text = ""
        self._warnings.clear()
        self._refusal.text = sentence

    def decline(self, sentence: str) -> None:
        """Say why a file was not taken; what is said of the one before stays, as that is what is shown."""
        self._refusal.text = sentence

    def verdict(self, sentence: str, flagged: bool) -> None:
        """Say what the check has found."""
        self._verdict.text = sentence
        self._verdict.classes(**{"add" if flagged else "remove": "warning"})

    @contextmanager
    def waiting(self, what: str, stage: object = "") -> Iterator[None]:
        """Say what is under way, at which stage, whose text may change, and for how long."""

        def tell(seconds: int) -> None:
            self._progress.text = ", ".join(filter(None, (what, str(stage), f"{seconds} s.")))

        try:
            with _clock(tell):
                yield
        finally:
            self._progress.text = ""


@contextmanager
def _clock(tell: Callable[[int], None]) -> Iterator[None]:
    """Call tell(seconds) now and each second from now on."""
    began = time.monotonic()

    async def tick() -> None:
        while True:
            tell(round(time.monotonic() - began))
            await asyncio.sleep(1)

    task = asyncio.create_task(tick())
    try:
        yield
    finally:
        task.cancel()
