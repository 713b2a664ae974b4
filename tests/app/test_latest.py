"""What ends the work of a tab."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from lacbed_gan.app import background


def test_a_changed_field_does_not_end_the_reading_of_a_file(monkeypatch):
    """A large file dropped as a was still being typed was forgotten."""
    monkeypatch.setattr(background.background_tasks, "create", lambda work: asyncio.ensure_future(work))
    said = []

    async def page():
        latest = background.Latest()

        async def take(name):
            await asyncio.sleep(0.05)
            latest.has_read()
            said.append(f"read {name}")
            await asyncio.sleep(10)
            said.append("answered")

        async def answer():
            said.append("again")

        latest.start(take("first"), reads=True)
        await asyncio.sleep(0)
        latest.start(answer())  # reading goes on
        latest.start(take("second"), reads=True)  # another file ends it
        await asyncio.sleep(0.2)
        latest.start(answer())  # what follows the reading is ended
        await asyncio.sleep(0.05)

    with ThreadPoolExecutor(1) as pool:  # Playwright's loop may run in this thread
        pool.submit(asyncio.run, page()).result()
    assert said == ["read second", "again"]
