"""Studies: a project and its target groups as a readable file, compared with what exists and applied.

::

    study = Study.load("study.toml")
    plan = await plan_study(client, study)  # or client.call(plan_study, study)
    report = await apply_study(client, plan)

Target groups are found by their customer references, so that the same file can be applied again. Names are loaded on
first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldingkit.studies.apply import AppliedPart as AppliedPart
    from fieldingkit.studies.apply import Outcome as Outcome
    from fieldingkit.studies.apply import StudyReport as StudyReport
    from fieldingkit.studies.apply import apply_study as apply_study
    from fieldingkit.studies.estimates import Estimate as Estimate
    from fieldingkit.studies.estimates import estimate_study as estimate_study
    from fieldingkit.studies.estimates import estimate_target_group as estimate_target_group
    from fieldingkit.studies.export import export_study as export_study
    from fieldingkit.studies.plan import Action as Action
    from fieldingkit.studies.plan import PlannedProject as PlannedProject
    from fieldingkit.studies.plan import PlannedTargetGroup as PlannedTargetGroup
    from fieldingkit.studies.plan import StudyPlan as StudyPlan
    from fieldingkit.studies.plan import plan_study as plan_study
    from fieldingkit.studies.study import Study as Study
    from fieldingkit.studies.study import StudyProject as StudyProject
    from fieldingkit.studies.study import StudyTargetGroup as StudyTargetGroup
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit.studies.apply": "AppliedPart Outcome StudyReport apply_study",
            "fieldingkit.studies.estimates": "Estimate estimate_study estimate_target_group",
            "fieldingkit.studies.export": "export_study",
            "fieldingkit.studies.plan": "Action PlannedProject PlannedTargetGroup StudyPlan plan_study",
            "fieldingkit.studies.study": "Study StudyProject StudyTargetGroup",
        },
    )
