"""Monitoring: the state of target groups, what it will come to, and what is in trouble.

The functions that read are ``async def``s that take the client first, or with a blocking client
``client.call(snapshot, ...)``. Names are loaded on first use.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldingkit.monitoring.dead_letters import DamagedLine as DamagedLine
    from fieldingkit.monitoring.evaluation import evaluate as evaluate
    from fieldingkit.monitoring.findings import Comparison as Comparison
    from fieldingkit.monitoring.findings import EndedFinding as EndedFinding
    from fieldingkit.monitoring.findings import Finding as Finding
    from fieldingkit.monitoring.findings import Findings as Findings
    from fieldingkit.monitoring.findings import UnknownFigure as UnknownFigure
    from fieldingkit.monitoring.findings import compare as compare
    from fieldingkit.monitoring.forecasts import CellCompletes as CellCompletes
    from fieldingkit.monitoring.forecasts import Forecast as Forecast
    from fieldingkit.monitoring.forecasts import ForecastStatus as ForecastStatus
    from fieldingkit.monitoring.forecasts import GoalForecast as GoalForecast
    from fieldingkit.monitoring.forecasts import forecast as forecast
    from fieldingkit.monitoring.group_forecasts import forecast_group as forecast_group
    from fieldingkit.monitoring.history import SnapshotHistory as SnapshotHistory
    from fieldingkit.monitoring.messages import MessageShape as MessageShape
    from fieldingkit.monitoring.messages import to_document as to_document
    from fieldingkit.monitoring.receiver_file import load_receivers as load_receivers
    from fieldingkit.monitoring.receivers import Delivery as Delivery
    from fieldingkit.monitoring.receivers import Program as Program
    from fieldingkit.monitoring.receivers import Webhook as Webhook
    from fieldingkit.monitoring.receivers import notify as notify
    from fieldingkit.monitoring.redelivery import RedeliveryReport as RedeliveryReport
    from fieldingkit.monitoring.redelivery import send_dead_letters as send_dead_letters
    from fieldingkit.monitoring.rules import CellStuck as CellStuck
    from fieldingkit.monitoring.rules import EndBeforeGoal as EndBeforeGoal
    from fieldingkit.monitoring.rules import HighDropOff as HighDropOff
    from fieldingkit.monitoring.rules import LowConversion as LowConversion
    from fieldingkit.monitoring.rules import NoCompletes as NoCompletes
    from fieldingkit.monitoring.rules import OffBid as OffBid
    from fieldingkit.monitoring.rules import PausedByApi as PausedByApi
    from fieldingkit.monitoring.rules import PriceAtCap as PriceAtCap
    from fieldingkit.monitoring.rules import ReconciliationDue as ReconciliationDue
    from fieldingkit.monitoring.rules import Rule as Rule
    from fieldingkit.monitoring.rules import RuleName as RuleName
    from fieldingkit.monitoring.rules import Rules as Rules
    from fieldingkit.monitoring.rules import SoftLaunchReached as SoftLaunchReached
    from fieldingkit.monitoring.snapshot_reader import snapshot as snapshot
    from fieldingkit.monitoring.snapshots import CellSnapshot as CellSnapshot
    from fieldingkit.monitoring.snapshots import Detail as Detail
    from fieldingkit.monitoring.snapshots import GroupSnapshot as GroupSnapshot
    from fieldingkit.monitoring.snapshots import Snapshot as Snapshot
    from fieldingkit.monitoring.snapshots import UnreadDetail as UnreadDetail
    from fieldingkit.monitoring.soft_launches.history import OtherChange as OtherChange
    from fieldingkit.monitoring.soft_launches.limits import CheckedFigure as CheckedFigure
    from fieldingkit.monitoring.soft_launches.limits import SoftLaunchCheck as SoftLaunchCheck
    from fieldingkit.monitoring.soft_launches.limits import SoftLaunchLimit as SoftLaunchLimit
    from fieldingkit.monitoring.soft_launches.report import SoftLaunchOutcome as SoftLaunchOutcome
    from fieldingkit.monitoring.soft_launches.report import SoftLaunchReport as SoftLaunchReport
    from fieldingkit.monitoring.soft_launches.workflow import soft_launch as soft_launch
    from fieldingkit.monitoring.soft_launches.workflow import soft_launch_is_due as soft_launch_is_due
    from fieldingkit.monitoring.watches.loop import watch as watch
    from fieldingkit.monitoring.watches.schedule import requests_per_day as requests_per_day
    from fieldingkit.monitoring.watches.state import Condition as Condition
    from fieldingkit.monitoring.watches.state import WatchedGroup as WatchedGroup
    from fieldingkit.monitoring.watches.state import WatchState as WatchState
else:
    from fieldingkit._lazy import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "fieldingkit.monitoring.dead_letters": "DamagedLine",
            "fieldingkit.monitoring.evaluation": "evaluate",
            "fieldingkit.monitoring.findings": "Comparison EndedFinding Finding Findings UnknownFigure compare",
            "fieldingkit.monitoring.forecasts": "CellCompletes Forecast ForecastStatus GoalForecast forecast",
            "fieldingkit.monitoring.group_forecasts": "forecast_group",
            "fieldingkit.monitoring.history": "SnapshotHistory",
            "fieldingkit.monitoring.messages": "MessageShape to_document",
            "fieldingkit.monitoring.receiver_file": "load_receivers",
            "fieldingkit.monitoring.receivers": "Delivery Program Webhook notify",
            "fieldingkit.monitoring.redelivery": "RedeliveryReport send_dead_letters",
            "fieldingkit.monitoring.rules": (
                "CellStuck EndBeforeGoal HighDropOff LowConversion NoCompletes OffBid PausedByApi PriceAtCap "
                "ReconciliationDue Rule RuleName Rules SoftLaunchReached"
            ),
            "fieldingkit.monitoring.snapshot_reader": "snapshot",
            "fieldingkit.monitoring.snapshots": "CellSnapshot Detail GroupSnapshot Snapshot UnreadDetail",
            "fieldingkit.monitoring.soft_launches.history": "OtherChange",
            "fieldingkit.monitoring.soft_launches.limits": "CheckedFigure SoftLaunchCheck SoftLaunchLimit",
            "fieldingkit.monitoring.soft_launches.report": "SoftLaunchOutcome SoftLaunchReport",
            "fieldingkit.monitoring.soft_launches.workflow": "soft_launch soft_launch_is_due",
            "fieldingkit.monitoring.watches.loop": "watch",
            "fieldingkit.monitoring.watches.schedule": "requests_per_day",
            "fieldingkit.monitoring.watches.state": "Condition WatchState WatchedGroup",
        },
    )
