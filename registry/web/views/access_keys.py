"""Access keys, one's own under Settings and others' for admins: each secret is in one answer and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from registry.accounts import access_keys
from registry.accounts.access_keys import KeyChanged
from registry.accounts.models import AccessKey, User
from registry.accounts.permissions import authorize

from ..forms.access_keys import KeyNameForm, NewKeyForm
from ..htmx import is_fragment, render_page, toast
from ..keys import Shown, address_of, endpoint_of, keys_context
from ..subjects import actor_of

PAGE, PANEL = "accounts/access_keys.html", "accounts/_keys.html"


# ---------- the list, and a new key ----------


def _person(request: HttpRequest, pk: int | None) -> User:
    """The user whose keys are meant: the one who asks, or for an admin the one of the address."""
    if pk is None or pk == request.user.pk:
        authorize(actor_of(request), "access_key.edit_own")
        return request.user  # type: ignore[return-value]
    authorize(actor_of(request), "access_key.edit_others")
    person = User.objects.with_roles().filter(pk=pk).first()
    if person is None:
        raise Http404("There is no such user.")
    return person


@require_http_methods(["GET", "HEAD", "POST"])
def key_list(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The keys of a user; POST makes one and shows its secret, 422 with the form where it is refused."""
    person = _person(request, pk)
    if request.method != "POST":
        return render_page(request, PAGE, PANEL, keys_context(request, person))
    form = NewKeyForm(request.POST, person=person, is_own=person.pk == request.user.pk)
    made = _create(request, person, form) if form.is_valid() else None
    if made is None:
        context = keys_context(request, person, form)
        return render_page(request, "accounts/key_new.html", "accounts/_key_create.html", context, status=422)
    return _show_secret(request, *made, done="created")


def _create(request: HttpRequest, person: User, form: NewKeyForm) -> tuple[AccessKey, str] | None:
    """The new key and its secret, or None with the refusal in the form."""
    try:
        return access_keys.create_access_key(
            actor=actor_of(request),
            user=person,
            name=form.cleaned_data["name"],
            role=form.key_role,
            expires_at=form.expires_at,
        )
    except ValidationError as error:
        for name, texts in error.message_dict.items():
            form.add_error({"expires_at": "expires"}.get(name, name), texts)
        return None


@require_safe
def key_create(request: HttpRequest, pk: int | None = None) -> HttpResponse:
    """The form for a new key as a page; the list has it as a dialog."""
    return render(request, "accounts/key_new.html", keys_context(request, _person(request, pk)))


def _show_secret(request: HttpRequest, key: AccessKey, secret: str, done: str) -> HttpResponse:
    """The list with the secret above it, once. No cache keeps this answer and nothing compresses it: the length of
    a compressed page tells, try by try, what stands in it."""
    context = keys_context(request, key.user) | {"shown": Shown(key, secret, done, endpoint_of(request))}
    response = render_page(request, PAGE, PANEL, context)
    response["Cache-Control"] = "no-store, no-transform"
    request.META["HTTP_ACCEPT_ENCODING"] = "identity"
    if is_fragment(request):
        response["HX-Retarget"], response["HX-Reswap"] = "#access-keys", "outerHTML"
    return response


# ---------- one key ----------

KeyView = Callable[[HttpRequest, AccessKey], HttpResponse]


def of_a_key(view: KeyView) -> Callable[[HttpRequest, int], HttpResponse]:
    """Find the key that the address names, 404 where there is none that the user may know of; 409 with the list as
    it is now where it changed since the form was drawn."""

    @wraps(view)
    def found(request: HttpRequest, pk: int) -> HttpResponse:
        key = AccessKey.objects.visible_to(request.user).select_related("user").filter(pk=pk).first()  # type: ignore[arg-type]
        if key is None:
            raise Http404("There is no such access key.")
        person = _person(request, key.user_id)
        key.user = person
        try:
            return view(request, key)
        except KeyChanged as conflict:
            return render_page(request, PAGE, PANEL, keys_context(request, person) | {"conflict": conflict}, status=409)
        except AccessKey.DoesNotExist:
            raise Http404("There is no such access key any more.") from None

    return found


def _done(request: HttpRequest, key: AccessKey, words: str) -> HttpResponse:
    """Back to the list: as a fragment with a toast, else by redirect with a message."""
    if is_fragment(request):
        return toast(render(request, PANEL, keys_context(request, key.user)), words)
    messages.success(request, words)
    return redirect(address_of(request, key.user))


def _page(request: HttpRequest, key: AccessKey, task: str, status: int = 200, **more: Any) -> HttpResponse:
    is_own = key.user_id == request.user.pk
    context = {"key": key, "task": task, "back": address_of(request, key.user), "person": key.user, "is_own": is_own}
    context |= {"section": "access-keys" if is_own else "users", **more}
    return render(request, "accounts/key.html", context, status=status)


@require_http_methods(["GET", "HEAD", "DELETE"])
@of_a_key
def key_detail(request: HttpRequest, key: AccessKey) -> HttpResponse:
    """DELETE deletes; the page of a key is its line in the list."""
    if request.method != "DELETE":
        return redirect(f"{address_of(request, key.user)}#key-{key.pk}")
    access_keys.delete_access_key(actor=actor_of(request), key=key, seen=request.GET.get("seen"))
    return _done(request, key, f"Key {key.name} deleted")


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_key
def key_delete(request: HttpRequest, key: AccessKey) -> HttpResponse:
    """The same without script: a page asks first."""
    if request.method != "POST":
        return _page(request, key, "delete")
    access_keys.delete_access_key(actor=actor_of(request), key=key, seen=request.POST.get("seen"))
    return _done(request, key, f"Key {key.name} deleted")


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_key
def key_rename(request: HttpRequest, key: AccessKey) -> HttpResponse:
    """Give the key another name; 422 for one that is empty or taken, 409 where somebody else renamed it."""
    form = KeyNameForm(request.POST if request.method == "POST" else None, initial={"name": key.name})
    if request.method != "POST" or not form.is_valid():
        return _page(request, key, "rename", 422 if form.is_bound else 200, form=form)
    try:
        key = access_keys.rename_access_key(
            actor=actor_of(request), key=key, name=form.cleaned_data["name"], seen=request.POST.get("seen")
        )
    except ValidationError as error:
        form.add_error("name", error.message_dict["name"])
        return _page(request, key, "rename", 422, form=form)
    return _done(request, key, f"Key renamed to {key.name}")


@require_http_methods(["POST"])
@of_a_key
def key_active(request: HttpRequest, key: AccessKey) -> HttpResponse:
    """Switch the key on ("on") or off."""
    active = request.POST.get("active") == "on"
    key = access_keys.set_access_key_active(actor=actor_of(request), key=key, active=active)
    return _done(request, key, f"Key {key.name} {'enabled' if active else 'disabled'}")


@require_http_methods(["GET", "HEAD", "POST"])
@of_a_key
def key_rotate(request: HttpRequest, key: AccessKey) -> HttpResponse:
    """Give the key a new id and secret and show it; a page asks first."""
    if request.method != "POST":
        return _page(request, key, "rotate")
    actor = actor_of(request)
    rotated, secret = access_keys.rotate_access_key(actor=actor, key=key, seen=request.POST.get("seen"))
    return _show_secret(request, rotated, secret, done="rotated")
