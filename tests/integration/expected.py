"""How many messages of each kind must be planned: counted from the plans, without looking at any event."""
import collections
import datetime

from world import plan as plans

ACCEPTED_ENDS = (plans.CANCELLED, plans.SHORT, plans.EXHAUSTED, plans.ORDERED, plans.SHIPPED, plans.RETURNED, plans.LOST, plans.DELIVERED)


def messages(plan_list, parcels):
    """parcels: the ledger of what the suppliers handed over."""
    counted = collections.Counter()
    by_order = {plan.history.order_id: plan for plan in plan_list}
    for plan in plan_list:
        counted["ORDER_CONFIRMED"] += plan.end in ACCEPTED_ENDS
        counted["ORDER_CANCELLED"] += plan.end == plans.CANCELLED
        counted["FEEDBACK_REQUEST"] += plan.end == plans.DELIVERED
    for entry in parcels:
        plan = by_order[entry["order_id"]]
        scans = plans.scans(plan.history, plan.end, int(entry["reference"].rpartition("/")[2]))
        counted["DISPATCHED"] += 1
        counted["OUT_FOR_DELIVERY"] += sum(scan.status == "OUT_FOR_DELIVERY" for scan in scans)
        counted["DELIVERED"] += plan.end == plans.DELIVERED
        counted["DELAYED"] += plan.end == plans.SHIPPED or _late(plan, scans[-1].occurred_ms)
    return {kind: number for kind, number in counted.items() if number}


def _late(plan, delivered_ms):
    return plan.end == plans.DELIVERED and delivered_ms >= plan.history.ms(_day_after(plan.history.promised))


def _day_after(day):
    return datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(days=1)
