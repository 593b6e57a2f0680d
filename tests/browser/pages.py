"""Every page and dialog of the product, for the tests that hold on all of them and for the pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

GROUP = "/groups/us-east-1/digits-classifier/"
EMPTY_GROUP = "/groups/us-east-1/elnino-sst-forecast/"
VERSION = f"{GROUP}versions/25/"
OTHER_VERSION = "/groups/us-east-1/co2-weekly-forecast/versions/3/"
PACKAGE = "/packages/us-east-1/iris-logreg-baseline/"
V = "us-east-1/digits-classifier"
COMPARE = f"/compare/?v={V}/22&v={V}/24&v={V}/25"


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


def rows_picked(page: Page) -> None:
    for box in page.get_by_label("Select v").all()[:2]:
        box.check()
    page.locator("#picks").wait_for()


def choices_open(page: Page) -> None:
    page.locator("#choices > summary").click()


def add_menu(page: Page) -> None:
    page.get_by_role("button", name="Add version").click()


def facet_menu(page: Page) -> None:
    page.locator("#timeline-filters details.facet > summary").first.click()
    page.locator("#timeline-filters details[open] .check").first.wait_for()


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


def palette(page: Page) -> None:
    """The palette with what it offers for a word."""
    page.keyboard.press("Control+k")
    page.locator(".palette__item").first.wait_for()
    page.keyboard.type("digits")
    page.locator('[data-q="digits"]').wait_for()


def deleted(page: Page) -> None:
    """The same address after the version there was deleted, by somebody who may."""
    if page.get_by_role("heading", name="was deleted").count():
        return
    page.goto(f"{page.url}delete/")
    page.get_by_label("to confirm").fill("co2-weekly-forecast v3")
    page.get_by_role("button", name="Delete v3").click()
    page.wait_for_url("**/co2-weekly-forecast/")
    page.goto(OTHER_VERSION)


def shortcuts(page: Page) -> None:
    page.keyboard.press("?")
    page.locator("#shortcuts[open]").wait_for()


def rollback_dialog(page: Page) -> None:
    """The dialog that goes back to the version approved before, which is asked for from the band."""
    page.locator("#band-approved").get_by_role("link", name="Back to").click()
    page.locator("#rollbackdlg[open]").wait_for()


def delete_dialog(page: Page) -> None:
    """The dialog that deletes, which is asked for from the menu."""
    menu(page)
    page.get_by_role("link", name="Delete").click()
    page.locator("#deletedlg[open]").wait_for()


def wrong_name(page: Page) -> None:
    delete_dialog(page)
    page.get_by_label("to confirm").fill("something else")
    page.get_by_label("to confirm").press("Enter")
    page.locator(".field__err").wait_for()


PLACES = [
    Place("groups", "/groups/"),
    Place("groups-filter", "/groups/?q=tag:team=vision"),
    Place("groups-fault", "/groups/?q=colour:red"),
    Place("groups-signs", "/groups/?q=tag:team=vision+OR+(statsu:approved+NOT+approved:none"),
    Place("groups-help", "/groups/", prepare=filter_help, part="#filter-help"),
    Place("filterhelp", "/filters/help/?of=review", "viewer"),
    Place("groups-views", "/groups/?q=tag:team=vision", prepare=views_menu, part="#list-menu"),
    Place("views", "/views/groups/?q=tag:team=vision", "contributor"),
    Place("groups-asof", "/groups/?as_of="),
    Place("groups-asof-fault", "/groups/?as_of=tomorrow", "viewer", status=422),
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
    Place("group-picked", GROUP, prepare=rows_picked),
    Place("group-asof", f"{GROUP}?as_of="),
    Place("group-changes", f"{GROUP}changes/"),
    Place("metrics", f"{GROUP}metrics/"),
    Place("metrics-one", f"{GROUP}metrics/?metric=accuracy&from=5", "viewer"),
    Place("metrics-choices", f"{GROUP}metrics/", "reviewer", choices_open, part="#choices"),
    Place("metrics-long", "/groups/us-east-1/hourly-forecast/metrics/"),
    Place("metrics-nothing", f"{GROUP}metrics/?metric=nothing"),
    Place("metrics-empty", f"{EMPTY_GROUP}metrics/"),
    Place("compare", f"{COMPARE}&base={V}/22"),
    Place("compare-diff", f"{COMPARE}&diff=1", "viewer"),
    Place("compare-groups", f"{COMPARE}&v=us-east-1/breast-cancer-screening/11&v=us-east-1/iris-logreg-baseline"),
    Place("compare-add", COMPARE, prepare=add_menu, part="#addver"),
    Place("compare-eight", "/compare/?" + "&".join(f"v={V}/{n}" for n in range(18, 26))),
    Place("compare-one", f"/compare/?v={V}/25&v={V}/99&v=nothing"),
    Place("compare-empty", "/compare/"),
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
    Place("version-asof", f"{VERSION}?as_of="),
    Place("version-asof-none", f"{VERSION}?as_of=2020-01-01", status=404),
    Place("version-tags", f"{VERSION}tags/"),
    Place("evidence", f"{GROUP}versions/22/evidence/", "viewer"),
    Place("evidence-package", f"{PACKAGE}evidence/"),
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
    Place("access", f"{GROUP}access/"),
    Place("access-viewer", f"{EMPTY_GROUP}access/", "viewer"),
    Place("rules-errors", f"{EMPTY_GROUP}rules/", prepare=rules_errors, status=422),
    Place("group-rollback", GROUP, "reviewer", rollback_dialog, part="#rollbackdlg"),
    Place("version-rollback", f"{GROUP}versions/22/rollback/", "reviewer"),
    Place("version-decisions", f"{GROUP}versions/22/?feed=decisions"),
    Place("search", "/search/?q=digits"),
    Place("search-empty", "/search/"),
    Place("search-nothing", "/search/?q=>nothing+like+it"),
    Place("palette", GROUP, prepare=palette, part="#palette"),
    Place("used", "/used/?image=sagemaker-scikit-learn"),
    Place("used-empty", "/used/"),
    Place("used-nothing", "/used/?image=nothing:1"),
    Place("version-delete", f"{VERSION}delete/"),
    Place("version-delete-dialog", VERSION, prepare=delete_dialog, part="#deletedlg"),
    Place("version-delete-wrong", VERSION, "admin", wrong_name, 422, part="#deletedlg"),
    Place("group-delete", f"{GROUP}delete/"),
    Place("group-delete-dialog", EMPTY_GROUP, prepare=delete_dialog, part="#deletedlg"),
    Place("version-deleted", OTHER_VERSION, prepare=deleted, status=410),
    Place("deleted", "/deleted/"),
    Place("deleted-groups", "/deleted/?of=groups"),
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
    Place("shortcuts", "/groups/", prepare=shortcuts, part="#shortcuts"),
    Place("keyboard", "/keyboard/"),
    Place("usermenu", "/groups/", prepare=user_menu),
]
