"""The application of a study file: the differences, the question, the requests and the outcomes."""

import asyncio
from pathlib import Path
from typing import Final, cast

from fieldingkit.cli.connection import Connection
from fieldingkit.cli.errors import ExitCode, UsageError
from fieldingkit.cli.output import Output
from fieldingkit.cli.prompts import confirm, format_place
from fieldingkit.cli.signals import interrupt_once
from fieldingkit.errors import InvalidStudyError
from fieldingkit.rendering.text import pluralize, strip_control_chars
from fieldingkit.studies.apply import AppliedPart, Outcome, StudyReport, apply_study
from fieldingkit.studies.plan import Action, PlannedProject, PlannedTargetGroup, StudyPlan, plan_study
from fieldingkit.studies.study import Study
from fieldingkit.workflows.differences import Difference

__all__ = ["apply_file", "load_study"]

_MAX_NAME: Final = 30
"""Columns for the references; the text beside longer ones begins on the next line."""
_MAX_VALUE: Final = 200
"""Characters of a value in a difference; a list of postal codes has more."""
_ACTION: Final = 9
"""Columns for actions and outcomes."""


def load_study(path: Path) -> Study:
    """Return the study in a file.

    Raises:
        UsageError: The file cannot be read, or is invalid; all problems are listed.
    """
    try:
        return Study.load(path)
    except OSError as exc:
        raise UsageError(f"{path} cannot be read: {exc.strerror}\nNothing was sent.") from exc
    except InvalidStudyError as exc:
        problems = [f"- {strip_control_chars(problem)}" for problem in exc.problems]
        raise UsageError(
            "\n".join([f"{path} has {pluralize(len(problems), 'problem')}", *problems, "Nothing was sent."])
        ) from exc


async def apply_file(path: Path, *, dry_run: bool, yes: bool, json: bool, connection: Connection) -> ExitCode:
    """Compare a study with what exists, ask, and create and change what differs.

    Args:
        path: The file.
        dry_run: Only compare.
        yes: Do not ask.
        json: Print a JSON document on stdout.
        connection: How to reach the API.
    """
    with interrupt_once():
        return await _apply(load_study(path), dry_run=dry_run, yes=yes, json=json, connection=connection)


async def _apply(study: Study, *, dry_run: bool, yes: bool, json: bool, connection: Connection) -> ExitCode:
    output = Output(json=json, survive=True)  # a closed pipe does not leave a part of the file unapplied
    async with connection.open() as client:
        plan = await plan_study(client, study)
        lines = _Lines(output, plan)
        lines.print_plan()
        if dry_run:
            output.print_json(plan)
            output.note("Dry run: nothing was sent.")
            return ExitCode.FAILED if _is_refused(plan) else ExitCode.DONE
        if plan.has_changes:
            confirm(f"{_question(plan)} ({format_place(client.base_url, client.account_id)})", yes=yes)
        try:
            report = await apply_study(client, plan, on_part=lines.print_outcome)
        except asyncio.CancelledError as exc:
            project, *groups = lines.outcomes
            _print(output, StudyReport(project=project, target_groups=tuple(groups), others=plan.others))
            output.note("Interrupted. Run the command again to finish: it finds what was created by its reference.")
            exc.__notes__ = []  # they say the same to callers in Python
            raise
    _print(output, report)
    return _exit_code(report)


def _print(output: Output, report: StudyReport) -> None:
    output.print_outcome(report, _summary(report))


class _Lines:
    """The lines of a plan and of its outcomes: on stdout, or with JSON on stderr."""

    def __init__(self, output: Output, plan: StudyPlan) -> None:
        self._output = output
        self._plan = plan
        self.outcomes: list[AppliedPart] = []
        """The outcomes so far."""
        names = [_project_name(plan), *(planned.reference for planned in plan.target_groups)]
        self._names = iter(names)
        self._width = min(max(map(len, names)), _MAX_NAME)

    def print_plan(self) -> None:
        """Print what is to be done with each part, and what is not in the file."""
        project = self._plan.project
        self._print(_project_name(self._plan), project.action, _details_of_project(project))
        for planned in self._plan.target_groups:
            self._print(planned.reference, planned.action, _details(planned))
        others = self._plan.others
        if others:
            self._line(f"Not in the file, and left as {'it is' if len(others) == 1 else 'they are'}:")
        for other in others:
            reference = other.target_group_customer_reference_number
            self._line(f"  {other.id}  {other.status}  {reference or other.name}")

    def print_outcome(self, part: AppliedPart) -> None:
        """Print the outcome of a part, unless the plan shows it; the first one is the project."""
        name = next(self._names)
        self.outcomes.append(part)
        shown = {Outcome.EQUAL, Outcome.LAUNCHED, *([] if self._plan.has_changes else [Outcome.REFUSED])}
        if part.outcome not in shown:  # those are in the plan
            self._print(name, part.outcome, [text for text in (part.id, part.reason) if text is not None])

    def _print(self, name: str, word: str, details: list[str]) -> None:
        indent = self._width + 2 + _ACTION
        beginning = f"{name:<{self._width}}  {word:<{_ACTION}}"
        if len(name) > self._width:
            self._line(name)
            beginning = f"{'':<{self._width}}  {word:<{_ACTION}}"
        first, *rest = details or [""]
        self._line(f"{beginning}{first}".rstrip(), indent)
        for text in rest:
            self._line(f"{'':<{indent}}{text}", indent)

    def _line(self, text: str, indent: int = 2) -> None:
        text = strip_control_chars(text)
        if self._output.json:
            self._output.note(text)
        else:
            self._output.print_hanging(text, indent=indent)


def _project_name(plan: StudyPlan) -> str:
    return f"Project {plan.project.wanted.reference or plan.project.id}"


def _details_of_project(planned: PlannedProject) -> list[str]:
    if planned.action is Action.CHANGE:
        return [_change(difference) for difference in planned.differences]
    return [planned.name]


def _details(planned: PlannedTargetGroup) -> list[str]:
    differences = [_change(difference) for difference in planned.differences]
    match planned.action:
        case Action.CREATE:
            command = planned.wanted.command
            price = command.cost_per_interview
            facts = [command.name, command.locale, f"{command.completes_goal:,} completes"]
            return [", ".join([*facts, *([f"{price.value:f} {price.currency_code}"] if price is not None else [])])]
        case Action.REFUSE:
            return [planned.reason or "", *differences]
        case Action.LAUNCHED:
            return [f"{planned.status}; not compared after the launch: {', '.join(planned.not_compared)}"]
        case _:
            return differences


def _change(difference: Difference) -> str:
    """Return a difference as a change, such as ``completes_goal: 1000 -> 1200``."""
    return f"{difference.path}: {_value(difference.found)} -> {_value(difference.wanted)}"


def _value(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case list():
            text = ", ".join(map(str, cast("list[object]", value)))
        case _:
            text = str(value)
    return text if len(text) <= _MAX_VALUE else f"{text[: _MAX_VALUE - 1]}…"


def _question(plan: StudyPlan) -> str:
    """Return the question whether to send a plan, such as "Create the project and 2 target groups"."""
    parts: list[str] = []
    for action, verb in ((Action.CREATE, "create"), (Action.CHANGE, "change")):
        count = sum(planned.action is action for planned in plan.target_groups)
        things = [*(["the project"] if plan.project.action is action else []), *([pluralize(count)] if count else [])]
        parts += [f"{verb} {' and '.join(things)}"] if things else []
    question = " and ".join(parts)
    return f"{question[0].upper()}{question[1:]}"


def _summary(report: StudyReport) -> str:
    counts = [f"{count:,} {outcome}" for outcome in Outcome if (count := report.count(outcome))]
    return f"Target groups: {', '.join(counts)}."


def _is_refused(plan: StudyPlan) -> bool:
    return any(planned.action is Action.REFUSE for planned in plan.target_groups)


def _exit_code(report: StudyReport) -> ExitCode:
    if any(part.outcome is Outcome.UNKNOWN for part in (report.project, *report.target_groups)):
        return ExitCode.UNKNOWN
    return ExitCode.DONE if report.ok else ExitCode.FAILED
