"""Triggers: what starts a cycle of a `TriggerSource`. One file per trigger; the folder is the catalogue."""

from .cron import CronTrigger
from .opportunistic import OpportunisticTrigger
from .periodic import PeriodicTrigger
from .pubsub import PubSubTrigger
from .runonce import RunOnceTrigger
from .trigger import Trigger

__all__ = ["CronTrigger", "OpportunisticTrigger", "PeriodicTrigger", "PubSubTrigger", "RunOnceTrigger", "Trigger"]
