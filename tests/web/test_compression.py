"""Pages are packed as Django packs them, only quicker."""

from __future__ import annotations

import gzip

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from registry.web.compression import CompressionMiddleware

LONG = b"a page of versions, " * 400


def answered(response: HttpResponseBase, accepts: str = "br, gzip") -> HttpResponseBase:
    headers = {"Accept-Encoding": accepts} if accepts else {}
    return CompressionMiddleware(lambda request: response)(RequestFactory().get("/", headers=headers))


def test_a_page_is_packed_and_says_so() -> None:
    page = answered(HttpResponse(LONG, headers={"ETag": '"one"'}))
    assert isinstance(page, HttpResponse)
    assert gzip.decompress(page.content) == LONG and len(page.content) < len(LONG) / 10
    assert page.headers["Content-Length"] == str(len(page.content))
    assert page.headers["Content-Encoding"] == "gzip" and page.headers["Vary"] == "Accept-Encoding"
    assert page.headers["ETag"] == 'W/"one"', "the bytes are no longer those of the strong one"


def test_the_size_of_a_page_tells_nothing_exact() -> None:
    sizes = {len(answered(HttpResponse(LONG)).content) for _ in range(60)}  # type: ignore[attr-defined]
    assert len(sizes) > 10 and max(sizes) - min(sizes) <= 100


@pytest.mark.parametrize(
    "response",
    [
        HttpResponse(b"short"),
        HttpResponse(LONG, headers={"Content-Encoding": "br"}),
        HttpResponse(bytes(range(256))),  # would become longer
    ],
)
def test_what_is_short_packed_or_not_packable_stays(response: HttpResponse) -> None:
    before = response.content
    page = answered(response)
    assert page is response and response.content == before
    assert response.headers.get("Content-Encoding") in (None, "br")


def test_who_cannot_unpack_gets_it_as_it_is() -> None:
    page = answered(HttpResponse(LONG), accepts="")
    assert isinstance(page, HttpResponse)
    assert page.content == LONG and page.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in page.headers


def test_a_stream_is_packed_piece_by_piece() -> None:
    page = answered(StreamingHttpResponse([LONG, LONG]))
    assert isinstance(page, StreamingHttpResponse)
    pieces = list(page.streaming_content)  # type: ignore[arg-type]
    assert gzip.decompress(b"".join(pieces)) == LONG * 2 and len(pieces) > 1
