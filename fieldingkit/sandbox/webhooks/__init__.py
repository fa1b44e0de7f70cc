"""Webhooks: who is told of what, and the delivery of it.

::

    webhook = sandbox.webhooks[0]        # created over the API
    group.goal_reached = True            # whatever changes a target group is an event
    await sandbox.deliver()              # everything that waits is sent once, now
    assert [delivery.status for delivery in webhook.deliveries] == ["delivered"]

Events are delivered in the background as well, unless `sandbox.delivery.background` is switched off.
"""
