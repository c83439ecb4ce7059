"""What the operator chose: kept in the log when `jovey up` serves with other settings than the last time."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import text

from api.auth.audit import OPERATOR, record, stream_of
from warehouse.clock import now
from warehouse.events.identity import Setting, SettingsChanged
from warehouse.log.asker import reading
from warehouse.postgres import Database
from warehouse.settings import Settings


def record_choices(database: Database, settings: Settings) -> tuple[str, ...]:
    """The names of settings that are others than when they were last kept; before the company's first fact none are."""
    engine = database.engine("jovey_append", pool_size=1)
    try:
        with reading(engine, OPERATOR) as connection:
            if not connection.execute(_HAS_BEGUN).scalar_one():
                return ()
            kept = connection.execute(_LAST, {"stream": stream_of(OPERATOR)}).scalar_one_or_none()
        told = told_of(settings)
        before = {one["name"]: one["value"] for one in kept or ()}
        changed = tuple(sorted(name for name in told.keys() | before.keys() if told.get(name) != before.get(name)))
        if changed:
            chosen = tuple(Setting(name=name, value=value) for name, value in sorted(told.items()))
            with engine.begin() as connection:
                record(connection, SettingsChanged(changed=changed, settings=chosen), OPERATOR, now())
        return changed
    finally:
        engine.dispose()


def told_of(settings: Settings) -> Mapping[str, str]:
    """Settings as the log may keep them: of secrets only whether there is one."""
    values = settings.model_dump(mode="json")
    return {
        name: str(values[name]) if field.repr else ("none" if values[name] is None else "given")
        for name, field in Settings.model_fields.items()
    }


_HAS_BEGUN = text("select exists (select from jovey.visible_events)")
_LAST = text("""
    select data -> 'settings' from jovey.visible_events
     where aggregate_id = :stream and event_type = 'settings.changed' order by version desc limit 1""")
