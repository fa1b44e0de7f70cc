"""Public signatures guide an editor: no ``object`` and no bare ``Any`` where the type is known."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, Final, get_args

import pytest

import fieldingkit.resources
from fieldingkit import batch_jobs, target_groups, webhooks
from fieldingkit.commands import OpenEnum

MODULES: Final = (
    "fieldingkit",
    "fieldingkit.commands",
    "fieldingkit.errors",
    "fieldingkit.events",
    "fieldingkit.paging",
    "fieldingkit.results",
    "fieldingkit.sandbox",
    "fieldingkit.sweeps",
    "fieldingkit.workflows",
    *(f"fieldingkit.resources.{info.name}" for info in pkgutil.iter_modules(fieldingkit.resources.__path__)),
)

EXCEPTIONS: Final = {
    "* data": "any JSON: the body of an event or a delivery",
    "* others": "any JSON: members that this release does not know",
    "* payload": "any JSON: the body of a past event",
    "*.json return": "any JSON",
    "Difference *": "any JSON: values of all kinds of settings",
    "copy_target_group changes": "the settings of a draft, checked at run time",
    "*TargetGroup.of changes": "the settings of a draft, checked at run time",
    "*.replace changes": "the fields of any command or module, checked at run time",
    "*.rows return": "values of several kinds",
    "*Client.download command": "a command with any result: the file takes its place",
    "*Client.request json": "any JSON",
    "*Client.request params": "values of several kinds, checked at run time",
    "ApiResponse raw": "any JSON",
    "AsyncJob kind": "made by the client alone",
    "AsyncJob submit": "made by the client alone",
    "OtherAllocation content": "any JSON: the members of an unknown kind",
    "OtherCondition content": "any JSON: the members of an unknown kind",
    "PagedCommand.after page": "a page of anything",
    "*.to_dict return": "any JSON",
    "TargetGroup assistant": "any JSON: the sandbox's own state",
    "TargetGroup.replace_draft assistant": "any JSON: the sandbox's own state",
    "TargetGroup.set_assistant assistant": "any JSON: the sandbox's own state",
    "TargetGroup.set_profiling profiling": "any JSON: the sandbox's own state",
    "TargetGroupChange *_value": "any JSON: values of all kinds of settings",
    "ValueChange *": "any JSON: the sandbox's own state",
    "allocatable* *": "a validator: any value of any command",
    "blendable *": "a validator: any value of any command",
    "iter_* send": "pyright cannot infer the page where `send` is a generic method",
    "number_as_text *": "any JSON: an object of an answer",
    "single *": "a validator: any value of any command",
    "templatable *": "a validator: any value of any command",
    "to_* return": "any JSON",
    "to_* value": "any value",
    "unique_coded_ids *": "a validator: any value of any command",
    "unique_ids *": "a validator: any value of any command",
    "well_formed *": "a validator: any value of any command",
    "with_profiles *": "a validator: any value of any command",
    "write_* return": "any JSON: a part of a body",
}
"""Parameters and results whose type really is not known, with the reason."""

_IDIOMS = re.compile(r"Coroutine\[Any, Any|\], ([\w.]+\.)?(Awaitable\[)?object\]")
"""A coroutine's own parameters, and a callback whose result is ignored."""


def public_callables() -> Iterator[tuple[str, Callable[..., object]]]:
    """Yield every public function, constructor and method, once, with its qualified name."""
    for module in map(importlib.import_module, MODULES):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield value.__qualname__, value
            elif inspect.isclass(value):
                if not issubclass(value, Exception):  # the library constructs its errors, not the user
                    yield value.__name__, value.__init__
                for method, member in inspect.getmembers(value, callable):
                    function = getattr(member, "__func__", member)
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield function.__qualname__, function


def vague(name: str, function: Callable[..., object]) -> Iterator[str]:
    """Yield the parameters, and ``return``, that are annotated with ``object`` or ``Any``."""
    signature = inspect.signature(function)
    annotations = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    for parameter, annotation in {**annotations, "return": signature.return_annotation}.items():
        text = annotation.__name__ if inspect.isclass(annotation) else str(annotation)
        if re.search(r"\b(Any|object)\b", _IDIOMS.sub("", text.replace("typing.", ""))):
            yield f"{name} {parameter}"


FUNCTIONS: Final = dict(public_callables())


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_public_signatures_name_their_types(name: str) -> None:
    """No parameter and no result of a public callable is an ``object`` or an ``Any``, but for reasoned exceptions."""
    found = [place for place in vague(name, FUNCTIONS[name]) if not any(fnmatchcase(place, it) for it in EXCEPTIONS)]
    assert not found


def test_every_exception_still_applies() -> None:
    """Every exception is the reason of at least one vague signature."""
    places = [place for name, function in FUNCTIONS.items() for place in vague(name, function)]
    assert not [pattern for pattern in EXCEPTIONS if not any(fnmatchcase(place, pattern) for place in places)]


def test_converted_fields_show_the_types_they_accept() -> None:
    """The constructor of a command shows the types that its converters accept, not those that they return."""
    signature = inspect.signature(target_groups.ListTargetGroups)
    accepted = str(signature.parameters["status"].annotation)
    assert "Iterable" in accepted
    assert "Literal['draft'" in accepted
    assert "Iterable[str]" in str(inspect.signature(batch_jobs.PauseTargetGroups).parameters["target_group_ids"])


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (target_groups.StatusName, target_groups.TargetGroupStatus),
        (webhooks.EventName, webhooks.WebhookEventType),
        (webhooks.DeliveryStatusName, webhooks.DeliveryStatus),
    ],
)
def test_literals_name_the_members_of_their_enumeration(names: Any, kind: type[OpenEnum]) -> None:
    """The literal names that a type checker offers are the values of the enumeration."""
    assert get_args(names) == tuple(member.value for member in kind)
