"""The page on which a person hears the clips of a prepared set, corrects them and leaves some out.

The most doubtful clip comes first; every decision reaches metadata.csv before the page says so.
"""

from __future__ import annotations

import mimetypes
import secrets
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from xttslab.data.preparing.reviewing import OPEN, OUT, ReviewClip, ReviewedSet, RowChanged, Seen
from xttslab.reporting.html import render
from xttslab.serving.local_pages import Access, LocalServer, access_for, bind, page_app

_LONGEST_REQUEST = 50_000  # bytes: two texts of the longest kind, and names
_LONGEST_CELL = 4000  # characters; `ReviewedSet` says more exactly what it refuses
Cell = Annotated[str, Field(max_length=_LONGEST_CELL)]
_SOUND_TYPES = {".wav": "audio/wav", ".flac": "audio/flac", ".opus": "audio/ogg"}


class _Row(BaseModel):
    """A clip's row as the page shows it."""

    model_config = ConfigDict(extra="forbid")
    text: Cell
    category: Cell
    used: bool


class _Kept(BaseModel):
    """A clip that is to be used with this text and category."""

    model_config = ConfigDict(extra="forbid")
    audio_file: Cell
    seen: _Row
    text: Cell
    category: Cell


class _LeftOut(BaseModel):
    """A clip that is not to be used, and why."""

    model_config = ConfigDict(extra="forbid")
    audio_file: Cell
    seen: _Row
    reason: Cell


def review_app(reviewed: ReviewedSet, access: Access, reasons: list[str]) -> FastAPI:
    """The application: the page, the clips as JSON, their sound, and the two decisions.

    `reasons` are offered for leaving a clip out. A decision on a row that another program changed
    is answered with status 409 and the clip as it is now; nothing is written then.
    """
    app = page_app(access, _LONGEST_REQUEST)

    @app.get("/")
    def page() -> Response:
        content = {"title": f"Review of {reviewed.name}", "name": reviewed.name, "reasons": reasons}
        return HTMLResponse(render("review.html.j2", content))

    @app.get("/clips")
    def clips() -> Response:
        return JSONResponse([asdict(clip) for clip in reviewed.clips()])

    @app.get("/audio")
    def audio(file: Annotated[str, Query(max_length=_LONGEST_CELL)]) -> Response:
        path = reviewed.audio(file)
        if path is None:
            raise HTTPException(404, f"{file}: the set has no such recording")
        kind = _SOUND_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
        return FileResponse(path, media_type=kind)

    @app.post("/keep")
    def keep(decision: _Kept) -> Response:
        seen = Seen(**decision.seen.model_dump())
        return _answer(reviewed.keep(decision.audio_file, seen, decision.text, decision.category))

    @app.post("/leave_out")
    def leave_out(decision: _LeftOut) -> Response:
        seen = Seen(**decision.seen.model_dump())
        return _answer(reviewed.leave_out(decision.audio_file, seen, decision.reason))

    @app.exception_handler(RowChanged)
    async def changed(request: Request, fault: RowChanged) -> Response:
        return JSONResponse({"message": str(fault), "clip": asdict(fault.clip)}, 409)

    return app


def _answer(clip: ReviewClip) -> Response:
    return JSONResponse(asdict(clip))


def review_server(reviewed: ReviewedSet, host: str, port: int, reasons: list[str]) -> LocalServer:
    """The page's server at `host` and `port` (0: a free one), known only by a fresh token.

    Raises UserError as `access_for` and `bind` do.
    """
    access = access_for(host, secrets.token_urlsafe(24))
    return LocalServer(review_app(reviewed, access, reasons), access, bind(host, port))


def counts(clips: list[ReviewClip]) -> dict[str, Any]:
    """How many clips are used, how many of these are doubtful or still to be heard, and how many
    are left out."""
    used = [clip for clip in clips if clip.state != OUT]
    return {
        "used": len(used),
        "doubtful": sum(clip.doubt > 0 for clip in used),
        "open": sum(clip.state == OPEN for clip in used),
        "out": len(clips) - len(used),
    }
