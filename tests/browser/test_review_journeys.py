"""Reviewing from end to end: by keyboard alone, two at once, gates and checks, content that changes afterwards."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from playwright.sync_api import Page, expect

from tests.product import PROJECT_ROOT, Product

from .conftest import LONG_GROUP, LONG_VERSIONS, Complaints, OpenPage

Wire = Callable[..., None]


@pytest.fixture
def wire(product: Product) -> Wire:
    """A function that sends one signed call as a pipeline would: to the wire door, or to another path."""
    key = access_key(product)

    def send(body: dict[str, Any], *, operation: str = "", path: str = "/") -> None:
        headers = {"Content-Type": "application/x-amz-json-1.1" if operation else "application/json"}
        if operation:
            headers["X-Amz-Target"] = f"SageMaker.{operation}"
        call = AWSRequest("POST", product.url + path, data=json.dumps(body).encode(), headers=headers)
        SigV4Auth(Credentials(*key), "sagemaker", "us-east-1").add_auth(call)
        with urlopen(Request(call.url, call.data, dict(call.headers)), timeout=20) as answer:
            assert answer.status == 200

    return send


@cache
def access_key(product: Product) -> tuple[str, str]:
    command = [sys.executable, "manage.py", "createaccesskey", "contributor"]
    done = subprocess.run(command, cwd=PROJECT_ROOT, env=product.environ, capture_output=True, text=True, check=True)
    words = dict(line.split("=", 1) for line in done.stdout.split())
    return words["AWS_ACCESS_KEY_ID"], words["AWS_SECRET_ACCESS_KEY"]


def version(group: str, number: int) -> str:
    return f"/groups/us-east-1/{group}/versions/{number}/"


def picked(page: Page, group: str, number: int) -> None:
    """The pane shows that version, and the list and the address know it."""
    expect(page.locator("#picked")).to_have_text(f"{group} v{number}")
    at = f"us-east-1/{group}/{number}"
    expect(page.locator(".inbox__a[aria-current]")).to_have_attribute("data-at", at)
    expect(page).to_have_url(re.compile(re.escape(at)))


def test_the_queue_by_keyboard_alone(open_page: OpenPage, complaints: Complaints):
    complaints.allowed.add(422)
    page = open_page("/groups/", "reviewer")
    keys = page.keyboard
    keys.press("g")
    keys.press("r")
    expect(page.locator("h1")).to_have_text("Review queue")
    waiting = int(page.locator("#review-count").inner_text().split()[0])
    items = page.locator(".inbox__a")
    group, number = "breast-cancer-screening", 1
    wanted = page.locator(f'[data-at="us-east-1/{group}/{number}"]')
    keys.press("j")
    expect(items.first).to_be_focused()
    for _ in range(items.count()):
        if wanted.evaluate("item => item === document.activeElement"):
            break
        keys.press("j")
    expect(wanted).to_be_focused()
    following = wanted.locator("xpath=following::a[@data-at][1]").get_attribute("data-at")
    assert following
    keys.press("Enter")
    picked(page, group, number)
    expect(page.locator("#picked")).to_be_focused()

    # One key decides nothing: R goes to the comment, and what is missing is said there.
    keys.press("r")
    comment = page.locator("#review-pane").get_by_label("Comment", exact=True)
    expect(comment).to_be_focused()
    keys.press("Control+Enter")
    expect(page.locator("#review-pane .field__err")).to_have_text("Say what has to change.")
    expect(comment).to_be_focused()
    # The refused decision is still the chosen one: with the comment, the same keys send it.
    keys.type("Too few cases")
    keys.press("Control+Enter")

    # The next is there, the list is one shorter, and A with Enter approves it.
    expect(page.locator("#review-count")).to_have_text(re.compile(rf"^{waiting - 1}\b"))
    _, name, at = following.split("/")
    picked(page, name, int(at))
    expect(wanted).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text(f"{group}: v{number} is Rejected")
    expect(page.locator("#picked")).to_be_focused()
    keys.press("a")
    expect(page.locator("[data-decide=approve]")).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#review-count")).to_have_text(re.compile(rf"^{waiting - 2}\b"))
    page.goto("/review/?who=decided")
    expect(items.first).to_contain_text("Approved by reviewer")
    expect(items.nth(1)).to_contain_text("Too few cases")


def test_the_queue_without_script(open_page: OpenPage, complaints: Complaints):
    complaints.allowed.add(422)
    page = open_page("/review/", "reviewer", java_script_enabled=False)
    first = page.locator("#picked").inner_text()
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".field__err")).to_have_text("Say what has to change.")
    page.locator("#q-c").fill("Not needed any more")
    page.get_by_role("button", name="Reject").click()
    expect(page.locator(".toast")).to_contain_text("is Rejected")
    assert page.locator("#picked").inner_text() != first
    # A click in the list opens the version's own page.
    page.locator(".inbox__a").nth(1).click()
    expect(page).to_have_url(re.compile(r"/groups/us-east-1/[^/]+/versions/\d+/$"))


def test_on_a_phone_an_item_opens_its_page_with_the_bar(open_page: OpenPage):
    page = open_page("/review/", "reviewer", width=390, height=844)
    expect(page.locator("#review-pane")).to_be_hidden()
    page.locator(".inbox__a").nth(2).click()
    expect(page).to_have_url(re.compile(r"/versions/\d+/$"))
    page.locator("#review-bar").get_by_role("button", name="Approve").click()
    expect(page.locator("#approvedlg")).to_be_visible()


def test_a_rejection_needs_a_comment(open_page: OpenPage, complaints: Complaints):
    complaints.allowed.add(422)
    page = open_page(f"/groups/us-east-1/{LONG_GROUP}/versions/{LONG_VERSIONS}/", "reviewer")
    expect(page.locator("#version-status")).to_have_text("Waiting")
    page.locator("#review").get_by_role("button", name="Reject").click()
    comment = page.locator("#review").get_by_label("Comment")
    expect(comment).to_be_focused()
    expect(comment).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#version-status")).to_have_text("Waiting")
    comment.fill("Drifts on holidays")
    page.locator("#review").get_by_role("button", name="Reject").click()
    expect(page.locator("#version-status")).to_have_text("Rejected")
    expect(page.locator("#review")).to_contain_text("Drifts on holidays")
    expect(page.locator(".feed").first).to_contain_text("Drifts on holidays")
    page.get_by_role("button", name="Undo rejection").click()
    expect(page.locator("#version-status")).to_have_text("Waiting")


def test_two_reviewers_at_once(open_page: OpenPage, complaints: Complaints):
    complaints.allowed.add(409)
    path = version("breast-cancer-screening", 9)
    first, second = open_page(path, "reviewer"), open_page(path, "admin")
    first.locator("#rv-c").fill("Misses small tumours")
    first.locator("#review").get_by_role("button", name="Reject").click()
    expect(first.locator("#version-status")).to_have_text("Rejected")
    second.locator("#rv-c").fill("Good enough")
    second.locator("#review").get_by_role("button", name="Approve", exact=True).click()
    told = second.locator("#review")
    expect(told).to_contain_text("this version changed since you opened it")
    expect(told).to_contain_text("reviewer rejected v9: Misses small tumours")
    # What was typed is still there; deciding again is a decision on what is there now.
    expect(second.locator("#rv-c")).to_have_value("Good enough")
    told.get_by_role("button", name="Approve v9").click()
    expect(second.locator("#version-status")).to_have_text("Approved")
    second.get_by_role("button", name="Undo approval").click()
    expect(second.locator("#version-status")).to_have_text("Rejected")


def test_a_gate_fails_then_passes_after_a_new_check(open_page: OpenPage, complaints: Complaints, wire: Wire):
    complaints.allowed.add(422)
    group = "co2-weekly-forecast"
    admin = open_page(f"/groups/us-east-1/{group}/", "admin")
    admin.get_by_role("link", name="Rules").click()
    admin.get_by_label("Metric rules").fill("rmse < 1000\nrmse is quite good")
    admin.get_by_label("Checks that have to pass").fill("back-test")
    admin.get_by_role("button", name="Save rules").click()
    expect(admin.locator("#errors")).to_contain_text("Line 2")
    expect(admin.get_by_label("Checks that have to pass")).to_have_value("back-test")
    admin.get_by_label("Metric rules").fill("rmse < 1000")
    admin.get_by_role("button", name="Save rules").click()
    expect(admin.locator("#toasts")).to_contain_text("Rules saved")

    number = 40
    check = {"ModelPackageName": f"{group}/{number}", "Name": "back-test", "Url": "https://ci.example.com/31"}
    wire({**check, "State": "failure", "Summary": "Two weeks are off"}, path="/api/checks/")
    page = open_page(version(group, number), "reviewer")
    card = page.locator("#review")
    expect(card).to_contain_text("1 rule is not met")
    expect(card).to_contain_text("Check back-test failed")
    card.get_by_role("button", name="Approve", exact=True).click()
    expect(card.locator("#review-against")).to_be_focused()
    expect(card).to_contain_text("The check back-test has failed")
    expect(page.locator("#version-status")).to_have_text("Waiting")

    wire({**check, "State": "success", "Summary": "All weeks"}, path="/api/checks/")
    card.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#version-status")).to_have_text("Approved")
    expect(page.locator(".feed").first).to_contain_text("reported that check back-test passed")


def test_content_that_changes_after_the_approval(open_page: OpenPage, wire: Wire):
    group, number = "wine-cultivar", 7
    page = open_page(version(group, number), "reviewer")
    arn = page.locator("[data-copy^='arn:'][data-copy$='/7']").first.get_attribute("data-copy")
    page.keyboard.press("a")
    expect(page.locator("#approvedlg")).to_be_visible()
    page.keyboard.type("As registered")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#version-status")).to_have_text("Approved")

    container = {"Image": "registry.example.com/wine:2", "ModelDataUrl": "s3://ml-artifacts-demo/models/other.tar.gz"}
    content = {
        "Containers": [container],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    wire({"ModelPackageArn": arn, "InferenceSpecification": content}, operation="UpdateModelPackage")
    page.reload()
    expect(page.locator("#version-status")).to_have_text("Approved, content changed")
    expect(page.locator("#review")).to_contain_text("Its content changed after the approval")
    page.goto("/review/")
    item = page.locator(f'[data-at="us-east-1/{group}/{number}"]')
    while not item.count():
        shown = page.locator(".inbox__a").count()
        page.locator(".loadmore").scroll_into_view_if_needed()
        page.wait_for_function("count => document.querySelectorAll('.inbox__a').length > count", arg=shown)
    expect(item).to_contain_text("Approved, content changed")
    item.click()
    picked(page, group, number)
    page.locator("#review-pane").get_by_role("button", name="Approve").click()
    expect(item).to_have_count(0)
    page.goto(version(group, number))
    expect(page.locator("#version-status")).to_have_text("Approved")


def test_back_to_the_version_before(open_page: OpenPage):
    page = open_page("/groups/us-east-1/digits-classifier/", "admin")
    approved = page.locator("#band-approved .band__big .ver").inner_text()
    page.locator("#band-approved").get_by_role("link", name="Back to").click()
    dialog = page.locator("#rollbackdlg")
    expect(dialog.get_by_label("Why do you go back?")).to_be_focused()
    target = re.search(r"v\d+", dialog.locator("h2").inner_text())
    assert target
    dialog.get_by_label("Why do you go back?").fill("Mixes up 1 and 7")
    dialog.get_by_role("button", name="Reject").click()
    expect(page.locator("#band-approved .band__big .ver")).to_have_text(target[0])
    expect(page.locator("#group-standing")).to_contain_text(f"Production{target[0]}")
    page.goto(version("digits-classifier", int(approved.removeprefix("v"))))
    expect(page.locator("#review")).to_contain_text("Mixes up 1 and 7")
    # As it was, for the tests that look at the demo.
    page.get_by_text("Approve instead").click()
    page.get_by_role("button", name=f"Approve {approved}").click()
    expect(page.locator("#version-status")).to_have_text("Approved")
