"""Sign in and out, one's own password, and the users that admins keep."""

from __future__ import annotations

from allauth.account.forms import LoginForm
from django.contrib import auth, messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from registry.accounts import services, throttle
from registry.accounts.adapters import is_local
from registry.accounts.models import User
from registry.accounts.permissions import authorize

from ..forms.accounts import ActiveForm, NewPasswordForm, NewUserForm, OwnPasswordForm, RoleForm
from ..htmx import redirect_to
from ..keys import keys_context
from ..subjects import actor_of
from .errors import refuse_role, too_many_requests

USERS_PER_PAGE = 50


# ---------- sign in and out ----------


def _next(request: HttpRequest, default: str = "") -> str:
    """Where to go after sign-in: the page that was asked for, if it is one of this host."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    return url if is_local(request, url) else default


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def login(request: HttpRequest) -> HttpResponse:
    """Sign in; 422 for a wrong name or password, 429 with Retry-After after too many."""
    after = _next(request)
    if request.method != "POST":
        if request.user.is_authenticated:
            return redirect_to(request, after or "/groups/")
        # Who cannot sign in now is told so before the password is typed.
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return render(request, "accounts/login.html", {"form": LoginForm(request=request), "next": after})
    typed = request.POST.copy()
    typed.setdefault("login", typed.get("username", ""))  # the admin's own form and many scripts say username
    form = LoginForm(typed, request=request)
    try:
        if form.is_valid():
            return form.login(request, redirect_url=after or None)
    except throttle.TooManyFailures as error:
        return too_many_requests(request, error, next_url=after)
    return render(request, "accounts/login.html", {"form": form, "next": after}, status=422)


@login_not_required
def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin site's sign-in is the registry's own, with the same limits; 403 for those who are no admins."""
    if request.method == "POST":
        return login(request)
    after = _next(request, "/admin/")
    if request.user.is_authenticated:
        return refuse_role(request, "user.edit", "Only admins use the admin site")
    return redirect(f"/login/?{urlencode({'next': after})}")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def logout(request: HttpRequest) -> HttpResponse:
    """Sign out by POST; a GET asks first, since a link on any site could send it."""
    if request.method != "POST" and request.user.is_authenticated:
        return render(request, "accounts/logout.html")
    auth.logout(request)
    return redirect("login")


# ---------- one's own password ----------


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def password_change(request: HttpRequest) -> HttpResponse:
    """Change one's own password; this session stays, all others of this user end."""
    form = OwnPasswordForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        try:
            if form.is_valid() and _knows_password(request, form) and _save_password(request, form, request.user):
                auth.update_session_auth_hash(request, request.user)
                messages.success(request, "Password changed. Other sessions of yours were signed out.")
                return redirect("password-change")
        except throttle.TooManyFailures as error:
            return too_many_requests(request, error)
    return render(request, "accounts/password.html", {"form": form, "section": "password"}, status=status)


def _knows_password(request: HttpRequest, form: OwnPasswordForm) -> bool:
    """True if the old password is right; counted like a sign-in, so that a stolen session cannot guess it."""
    attempt = throttle.begin(request.user.get_username(), request.META.get("REMOTE_ADDR", ""))
    if request.user.check_password(form.cleaned_data["old_password"]):
        throttle.succeed(attempt)
        return True
    form.add_error("old_password", "This is not your current password.")
    return False


def _save_password(request: HttpRequest, form: NewPasswordForm, user: User) -> bool:
    try:
        services.set_password(actor=actor_of(request), user=user, password=form.cleaned_data["password"])
    except ValidationError as error:
        form.add_error("password", error.messages)
        return False
    return True


# ---------- users, for admins ----------


@require_safe
def user_list(request: HttpRequest) -> HttpResponse:
    """All users by name, 50 a page."""
    authorize(actor_of(request), "user.read")
    query, after = request.GET.get("q", "").strip()[:150], request.GET.get("after", "")[:150]
    users = User.objects.with_roles().order_by("username")
    if query:
        users = users.filter(username__icontains=query)
    if after:
        users = users.filter(username__gt=after)
    rows = list(users[: USERS_PER_PAGE + 1])
    more = rows[USERS_PER_PAGE - 1].username if len(rows) > USERS_PER_PAGE else ""
    context = {"users": rows[:USERS_PER_PAGE], "query": query, "after": after, "more": more, "section": "users"}
    return render(request, "accounts/users.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def user_create(request: HttpRequest) -> HttpResponse:
    """Make a person with a role and a first password, or a service account, which has none and leads to its keys."""
    actor = actor_of(request)
    authorize(actor, "user.edit")
    form = NewUserForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            values = {name: form.cleaned_data[name] for name in ("username", "email", "role")}
            try:
                if form.cleaned_data["is_service"]:
                    user = services.create_service_account(actor=actor, **values)
                    messages.success(request, f"Service account {user.username} made. Now give it a key.")
                    return redirect("user-detail", pk=user.pk)
                user = services.create_user(actor=actor, password=form.cleaned_data["password"], **values)
            except ValidationError as error:
                _add_errors(form, error)
            else:
                messages.success(request, f"User {user.username} made.")
                return redirect("user-list")
    return render(request, "accounts/user_new.html", {"form": form, "section": "users"}, status=status)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def user_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One user: role, sign-in on or off, a new password; each is a form of its own, told apart by `change`."""
    authorize(actor_of(request), "user.edit")
    user = User.objects.with_roles().filter(pk=pk).first()
    if user is None:
        raise Http404("There is no such user.")
    change = request.POST.get("change", "")
    forms = {
        "role": RoleForm(request.POST if change == "role" else None, initial={"role": user.held_role or ""}),
        "active": ActiveForm(request.POST if change == "active" else None),
        "password": NewPasswordForm(request.POST if change == "password" else None),
    }
    if request.method == "POST" and change in forms and forms[change].is_valid():
        done = _change_user(request, user, change, forms[change])
        if done:
            messages.success(request, done)
            # An admin who gave the role away may not read this page any more.
            own = user.pk == request.user.pk and change != "password"
            return redirect("group-list") if own else redirect("user-detail", pk=pk)
        user = User.objects.with_roles().get(pk=pk)
    context = keys_context(request, user) | {"forms": forms, "section": "users"}
    return render(request, "accounts/user.html", context, status=422 if request.method == "POST" else 200)


def _change_user(request: HttpRequest, user: User, change: str, form: RoleForm | ActiveForm | NewPasswordForm) -> str:
    """Make one change and return what was done in words; empty when it was refused, with the reason in the form."""
    actor, data = actor_of(request), form.cleaned_data
    try:
        if change == "role":
            services.set_role(actor=actor, user=user, role=data["role"])
            return f"{user.username} has the role {data['role']}."
        if change == "active":
            services.set_active(actor=actor, user=user, active=data["is_active"] == "on")
            if user.is_service:
                return f"The keys of {user.username} {'work' if user.is_active else 'no longer work'}."
            return f"{user.username} may sign in." if user.is_active else f"{user.username} may no longer sign in."
        services.set_password(actor=actor, user=user, password=data["password"])
        if user.pk == request.user.pk:
            auth.update_session_auth_hash(request, user)
        return f"{user.username} has a new password."
    except ValidationError as error:
        _add_errors(form, error, default="password")
        return ""


def _add_errors(form: RoleForm | ActiveForm | NewPasswordForm, error: ValidationError, default: str = "") -> None:
    """Put a service's errors at the form's fields of the same names, others at `default` or at the top."""
    by_field = error.message_dict if hasattr(error, "error_dict") else {default: error.messages}
    for name, texts in by_field.items():
        form.add_error(name if name in form.fields else None, texts)
