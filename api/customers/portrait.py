"""Portrait: all that is held about one person, readable as long as their key exists (GDPR articles 15 and 20)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from api.actor import system
from warehouse.clock import now
from warehouse.log.asker import reading
from warehouse.log.people import People


def portrait(engine: Engine, person_id: UUID) -> Mapping[str, Any]:
    """States, facts and sign-ins of a person, oldest first. Eight queries; the answer is as long as their history.

    `archived_facts` are those that stand in the archive alone and are not among `facts`: 0 within whole_history().
    """
    parts = {}
    with reading(engine, system("portrait")) as connection:
        people = People(connection)
        for name, query in _PARTS.items():
            rows = connection.execute(text(query), {"person_id": person_id}).scalars().all()
            parts[name] = [json.loads(one) for one in people.reveal(rows)]
        archived = connection.execute(_ARCHIVED, {"person_id": person_id}).scalar_one()
    return {"person_id": str(person_id), "as_of": now().isoformat(), "archived_facts": archived, **parts}


_ARCHIVED = text("""
    select jovey.archived_of(
      :person_id,
      array(select aggregate_id from jovey.visible_states where owner_id = :person_id) || cast(:person_id as uuid))""")
_PARTS = {
    "states": """
        select jsonb_build_object('kind', aggregate_type, 'id', aggregate_id, 'status', status,
               'created_at', created_at, 'updated_at', updated_at, 'state', state)::text
          from jovey.visible_states where owner_id = :person_id or aggregate_id = :person_id
         order by created_at, aggregate_id""",
    # streams as an array, so that each of the three ways to an event has an index
    "facts": """
        select jsonb_build_object('event', event_type, 'id', id, 'stream', aggregate_type, 'stream_id', aggregate_id,
               'version', version, 'effective_at', effective_at, 'created_at', created_at, 'created_by', created_by,
               'data', data)::text
          from jovey.visible_history
         where subject_id = :person_id
            or aggregate_id = any(array(select aggregate_id from jovey.visible_states where owner_id = :person_id)
                                  || cast(:person_id as uuid))
         order by position""",
    "sign_ins": """
        select jsonb_build_object('since', created_at, 'until', expires_at, 'revoked_at', revoked_at, 'device', device,
               'last_used_at', last_used_at)::text
          from jovey.sessions where person_id = :person_id order by created_at""",
    "password": """
        select jsonb_build_object('changed_at', changed_at)::text
          from jovey.credentials where person_id = :person_id""",
    "letters": """
        select jsonb_build_object('kind', kind, 'created_at', created_at, 'sent_at', sent_at)::text
          from jovey.mails where person_id = :person_id order by created_at""",
    "outside_subjects": """
        select jsonb_build_object('issuer', issuer, 'linked_at', linked_at)::text
          from jovey.outside_subjects where person_id = :person_id order by linked_at""",
}
