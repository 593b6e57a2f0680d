"""Every page and dialog of the product, for the tests that hold on all of them and for the pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

GROUP = "/groups/us-east-1/digits-classifier/"
EMPTY_GROUP = "/groups/us-east-1/elnino-sst-forecast/"
VERSION = f"{GROUP}versions/25/"
PACKAGE = "/packages/us-east-1/iris-logreg-baseline/"


def nothing(page: Page) -> None:
    """Leave the page as it came."""


def command(dialog: str) -> Callable[[Page], None]:
    """Open a dialog as its button does; the button may be in another place at another width."""

    def open_dialog(page: Page) -> None:
        page.evaluate("id => document.getElementById(id).showModal()", dialog)

    return open_dialog


def user_menu(page: Page) -> None:
    page.get_by_role("button", name="account of").click()


def menu(page: Page) -> None:
    page.get_by_role("button", name="More actions").click()


def row_menu(page: Page) -> None:
    """The menu of the first row; phones leave its button out, so it is opened while the page is wide."""
    page.get_by_role("button", name="Actions for").first.click()


def filter_help(page: Page) -> None:
    page.get_by_role("button", name="How filters work").click()
    page.locator("#filter-help dl").wait_for()


def views_menu(page: Page) -> None:
    page.locator("#list-menu > summary").click()
    page.locator("#views-panel").wait_for()


def facet_menu(page: Page) -> None:
    page.locator("#timeline-filters details.facet > summary").first.click()


def metadata_editing(page: Page) -> None:
    page.get_by_role("link", name="Edit seed").or_(page.get_by_role("button", name="Edit seed")).click()
    page.locator(".is-editing").wait_for()


def tags_editing(page: Page) -> None:
    page.locator("#group-tags").get_by_text("Edit tags").click()
    page.locator("#group-tags input:not([type=hidden])").first.wait_for()


def register_errors(page: Page) -> None:
    page.get_by_label("Artifact URI").first.fill("ftp://models/model.tar.gz")
    page.get_by_label("Metric value 1").fill("0,94")
    page.get_by_label("Key 2").fill(page.get_by_label("Key 1").input_value())
    page.locator("#property-1-value").fill("a")
    page.locator("#property-2-value").fill("b")
    page.get_by_role("button", name="Register v").click()
    page.locator("#errors").wait_for()


def container_added(page: Page) -> None:
    page.get_by_role("button", name="Add container").click()
    page.locator("#container-2").wait_for()


def review_refused(page: Page) -> None:
    page.locator("#review-pane").get_by_role("button", name="Reject").click()
    page.locator("#review-pane .field__err").wait_for()


def rules_errors(page: Page) -> None:
    page.get_by_label("Metric rules").fill("as good as it gets")
    page.get_by_role("button", name="Save rules").click()
    page.locator("#errors").wait_for()


def sign_in_error(page: Page) -> None:
    page.get_by_label("Username").fill("somebody")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.locator(".notice--bad, .field__err").first.wait_for()


@dataclass(frozen=True)
class Place:
    """One state of one page: its address, who sees it, and what is done there first."""

    name: str
    path: str
    role: str = "admin"
    prepare: Callable[[Page], None] = nothing
    status: int = 200
    # What the state adds to a page that is in the list without it.
    part: str = ""

    @property
    def is_whole(self) -> bool:
        """True for the plain state of a page, and for a part, which is small; further states have a hyphen."""
        return bool(self.part) or "-" not in self.name


PLACES = [
    Place("groups", "/groups/"),
    Place("groups-filter", "/groups/?q=tag:team=vision"),
    Place("groups-fault", "/groups/?q=colour:red"),
    Place("groups-signs", "/groups/?q=tag:team=vision+OR+(statsu:approved+NOT+approved:none"),
    Place("groups-help", "/groups/", prepare=filter_help, part="#filter-help"),
    Place("filterhelp", "/filters/help/?of=review", "viewer"),
    Place("groups-views", "/groups/?q=tag:team=vision", prepare=views_menu, part="#list-menu"),
    Place("views", "/views/groups/?q=tag:team=vision", "contributor"),
    Place("groups-empty", "/groups/?q=tag:team=nobody"),
    Place("groups-newgroup", "/groups/", prepare=command("newgroup"), part="#newgroup"),
    Place("newgroup", "/groups/new/"),
    Place("group", GROUP),
    Place("group-viewer", GROUP, "viewer"),
    Place("group-facet", GROUP, prepare=facet_menu, part="#timeline-filters details.facet[open]"),
    Place("group-tags", GROUP, prepare=tags_editing, part="#group-tags"),
    Place("group-tags-page", f"{GROUP}tags/edit/"),
    Place("group-description", f"{GROUP}description/"),
    Place("group-filter", f"{GROUP}?q=metric:accuracy>0.99+OR+status:approved"),
    Place("group-rejected", f"{GROUP}?status=Rejected"),
    Place("group-nothing", f"{GROUP}?stage=Nowhere"),
    Place("group-empty", EMPTY_GROUP),
    Place("group-menu", EMPTY_GROUP, prepare=menu),
    Place("group-rowmenu", "/groups/us-east-1/randhie-visits/", prepare=row_menu),
    Place("group-long", "/groups/us-east-1/hourly-forecast/"),
    Place("group-older", "/groups/us-east-1/hourly-forecast/?before=9"),
    Place("version", VERSION),
    Place("version-viewer", VERSION, "viewer"),
    Place("version-approved", f"{GROUP}versions/22/"),
    Place("version-rejected", f"{GROUP}versions/17/", "reviewer"),
    Place("version-first", f"{GROUP}versions/1/", "contributor"),
    Place("version-containers", "/groups/us-east-1/breast-cancer-screening/versions/11/"),
    Place("version-base", f"{VERSION}?base=14"),
    Place("version-approve", VERSION, "reviewer", command("approvedlg"), part="#approvedlg"),
    Place("version-reject", VERSION, "reviewer", command("rejectdlg"), part="#rejectdlg"),
    Place("version-metadata", VERSION, prepare=metadata_editing, part="#metadata-card"),
    Place("version-tags", f"{VERSION}tags/"),
    Place("register", f"{GROUP}register/", "reviewer"),
    Place("register-errors", f"{GROUP}register/", "reviewer", register_errors, 422),
    Place("register-container", f"{GROUP}register/", "contributor", container_added, part="#containers"),
    Place("packages", "/packages/"),
    Place("packages-empty", "/packages/?q=nothing+like+it"),
    Place("packages-new", "/packages/new/", "contributor"),
    Place("package", PACKAGE),
    Place("package-menu", PACKAGE, prepare=menu),
    Place("package-tags", f"{PACKAGE}tags/edit/"),
    Place("review", "/review/", "reviewer"),
    Place("review-filter", "/review/?who=all&q=stage:Development+OR+(x"),
    Place("review-viewer", "/review/?at=us-east-1/digits-classifier/25", "viewer"),
    Place("review-decided", "/review/?who=decided"),
    Place("review-refused", "/review/?at=us-east-1/digits-classifier/25", "reviewer", review_refused, 422),
    Place("rules", f"{GROUP}rules/"),
    Place("rules-viewer", f"{EMPTY_GROUP}rules/", "viewer"),
    Place("rules-errors", f"{EMPTY_GROUP}rules/", prepare=rules_errors, status=422),
    Place("group-rollback", GROUP, "reviewer", command("rollbackdlg"), part="#rollbackdlg"),
    Place("version-rollback", f"{GROUP}versions/22/rollback/", "reviewer"),
    Place("version-decisions", f"{GROUP}versions/22/?feed=decisions"),
    Place("activity", "/activity/"),
    Place("activity-nothing", "/activity/?actor=nobody"),
    Place("login", "/login/", ""),
    Place("login-error", "/login/", "", sign_in_error, 422),
    Place("logout", "/logout/"),
    Place("password", "/settings/password/"),
    Place("keys", "/settings/access-keys/"),
    Place("keys-new", "/settings/access-keys/", prepare=command("newkey"), part="#newkey"),
    Place("key-new", "/settings/access-keys/new/", "viewer"),
    Place("users", "/settings/users/"),
    Place("user-new", "/settings/users/new/"),
    Place("user", "/settings/users/1/"),
    Place("forbidden", "/settings/users/", "viewer", status=403),
    Place("missing", "/groups/us-east-1/nothing-like-it/", status=404),
    Place("shortcuts", "/groups/", prepare=command("shortcuts"), part="#shortcuts"),
    Place("usermenu", "/groups/", prepare=user_menu),
]
