"""README's table of roles is the one of the code.

`DJANGO_SETTINGS_MODULE=registry.settings python -m tests.authority.test_readme` prints it.
"""

import django
import pytest

from registry.configuration import PROJECT_ROOT

pytestmark = pytest.mark.sqlite_only


def table() -> str:
    """The table of actions as README has it, in the order of the code."""
    from registry.accounts.models import Role
    from registry.accounts.permissions import ACTIONS

    lines = [f"| on | action | {' | '.join(Role.values)} |", f"|---|---|{':-:|' * len(Role)}"]
    for rule in ACTIONS.values():
        marks = " | ".join("✓" if role.rank >= rule.role.rank else "" for role in Role)
        lines.append(f"| {rule.object} | {rule.words} | {marks} |")
    return "\n".join(lines)


def test_readme_has_the_table_of_the_code():
    assert table() in (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


if __name__ == "__main__":
    django.setup()
    print(table())
