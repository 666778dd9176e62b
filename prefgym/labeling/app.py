"""The application: routes, what is said when something fails, and the document of the API."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

import prefgym
from prefgym.common.errors import UserError
from prefgym.labeling.access import Desk, StatedRoute, access, access_of, caller_in
from prefgym.labeling.api import PREFIX
from prefgym.labeling.config import ServerCfg
from prefgym.labeling.refusals import Refusal, refused
from prefgym.labeling.routes import admin, board, media, pages, rater, session, work
from prefgym.labeling.security import Guard, headers_of
from prefgym.labeling.sessions import Role, cookie_name
from prefgym.store.errors import StoreRefusal, StoreUnavailable
from prefgym.store.store import Store

GROUPS = (session, rater, work, media, admin, board)

STATUS = {"unknown-invitation": 403, "expired-invitation": 403, "used-invitation": 409, "withdrawn": 403}
"""Status of what the store refuses, by its code; 404 for other things that are unknown, and 409 for the rest."""


def make_app(store: Store, cfg: ServerCfg | None = None) -> FastAPI:
    """Make the application.

    Args:
        store: The store, which the caller closes.
        cfg: Settings; None for those of a server that only this machine reaches.
    """
    cfg = cfg or ServerCfg()
    app = FastAPI(title="prefgym label", openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.state.desk, app.state.pages, app.state.boards = Desk(store, cfg), pages.read_pages(), {}
    for group in (*GROUPS, pages):
        app.router.routes.extend(group.router.routes)
    app.router.routes.extend(_document(app).routes)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreRefusal, _store_refused)
    app.add_exception_handler(StoreUnavailable, _unavailable)
    app.add_exception_handler(UserError, _unfit)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(Guard, cfg=cfg)
    return app


def _document(app: FastAPI) -> APIRouter:
    """Return the route of the OpenAPI document."""
    router = APIRouter(route_class=StatedRoute, include_in_schema=False)

    @router.get(f"{PREFIX}/openapi.json")
    @access("anyone")
    def document(request: Request) -> JSONResponse:
        return JSONResponse(openapi(app, caller_in(request).port))

    del document
    return router


def openapi(app: FastAPI, port: int) -> dict[str, Any]:
    """Return the OpenAPI document, with the cookie that each operation needs.

    Args:
        app: The application.
        port: Port that cookies are named by.
    """
    content = get_openapi(
        title="prefgym label",
        version=prefgym.__version__,
        description="Questions to people about segments, and their answers.",
        routes=app.routes,
        servers=[{"url": app.state.desk.cfg.root_path or "/"}],
    )
    tokens: dict[Role, str] = {"rater": "an invitation", "admin": "the admin token"}
    content.setdefault("components", {})["securitySchemes"] = {
        role: {
            "type": "apiKey",
            "in": "cookie",
            "name": cookie_name(role, port),
            "description": f"Set by POST /session with {token}.",
        }
        for role, token in tokens.items()
    }
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            who = access_of(route.endpoint)
            needs = {"rater": ["rater"], "admin": ["admin"], "member": ["rater", "admin"]}.get(who or "", [])
            for method in route.methods or ():
                content["paths"][route.path_format][method.lower()]["security"] = [{name: []} for name in needs]
    return content


async def _http(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return error.response()
    assert isinstance(error, HTTPException)
    sentences = {404: ("unknown", "There is nothing here."), 405: ("method", "This cannot be done here.")}
    code, sentence = sentences.get(error.status_code, ("invalid", "The request could not be read."))
    headers = dict(error.headers or {})
    if error.status_code == 405:  # the router names the methods of one route, and a path may have several
        alike = [route for route in request.app.routes if route.path_regex.match(request.scope["path"])]
        headers["Allow"] = ", ".join(sorted({method for route in alike for method in route.methods}))
    return refused(error.status_code, code, sentence, headers)


async def _invalid(request: Request, error: Exception) -> Response:
    """Say what does not fit, and never repeat it: it may hold a token."""
    del request
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"] if step != "body")[:100]
    what = str(first["msg"]).removeprefix("Value error, ")[:200]
    return refused(422, "invalid", f"{where}: {what}." if where else f"{what}.")


async def _store_refused(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, StoreRefusal)
    status = STATUS.get(error.code, 404 if error.code.startswith("unknown-") else 409)
    return refused(status, error.code, str(error))


async def _unfit(request: Request, error: Exception) -> Response:
    """Say what the store cannot hold, such as a name of spaces."""
    del request
    return refused(422, "invalid", str(error))


async def _unavailable(request: Request, error: Exception) -> Response:
    """Say that the database cannot be written or reached; whoever sent something keeps it, and sends it again."""
    del request
    if "disk is full" in str(error):
        return refused(507, "disk-full", "The disk of the server is full: nothing was taken, so send it again later.")
    return refused(503, "store-down", "The database does not answer: nothing was taken, so send it again soon.")


async def _failed(request: Request, error: Exception) -> Response:
    """Say that something failed; what it was is in the log."""
    del error
    headers = headers_of(request.app.state.desk.cfg)  # this response does not come by the outermost layer
    return refused(500, "failed", "Something failed on the server; its log says what.", headers)
