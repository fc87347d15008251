-- What people and notebooks ask of the past. `events` exists already: one row an event, `body` its JSON.

CREATE VIEW triggers AS
SELECT seq, ts, run, subject, body->>'$.kind' AS kind, body->>'$.playbook' AS playbook,
       body->>'$.outcome' AS outcome, body->>'$.reason' AS reason, body->>'$.source' AS source,
       body->>'$.due' AS due, body->>'$.schedule' AS schedule
FROM events WHERE type = 'trigger.received';

CREATE VIEW runs AS
WITH born AS (
    SELECT run, seq, ts, subject, body FROM events WHERE type = 'run.created'
), started AS (
    SELECT run, min(ts) AS ts FROM events WHERE type = 'run.started' GROUP BY run
), ended AS (
    -- One that began again after its end has not ended until it does so again.
    SELECT run, max(ts) FILTER (WHERE type = 'run.ended') AS ts, arg_max(body, seq) AS body
    FROM events WHERE type IN ('run.ended', 'run.retried', 'card.reopened', 'step.reopened') GROUP BY run HAVING arg_max(type, seq) = 'run.ended'
)
SELECT born.run, born.seq, born.subject, born.body->>'$.playbook' AS playbook, born.body->>'$.stage' AS stage,
       born.body->>'$.trigger' AS trigger, born.body->>'$.source' AS source, born.body->>'$.commit' AS commit,
       born.body->>'$.plan' AS plan, coalesce(born.body->>'$.project', '') AS project,
       born.body->>'$.parent' AS parent, born.ts AS created, started.ts AS started, ended.ts AS ended,
       coalesce(ended.body->>'$.status', CASE WHEN started.ts IS NULL THEN 'queued' ELSE 'open' END) AS status,
       coalesce(ended.body->>'$.reason', '') AS reason, born.body->>'$.event' AS event, born.body->>'$.inputs' AS inputs,
       ended.body->>'$.outputs' AS outputs
FROM born LEFT JOIN started USING (run) LEFT JOIN ended USING (run);

CREATE VIEW steps AS
SELECT run, step, min(ts) AS began, max(ts) AS last,
       arg_max(type, seq) FILTER (WHERE type LIKE 'step.%' OR type LIKE 'effect.%' OR type LIKE 'wait.%'
                                  OR type LIKE 'human.%') AS state,
       max(CAST(coalesce(body->>'$.attempt', '0') AS INTEGER)) FILTER (WHERE type = 'step.started') AS attempts,
       arg_max(body->>'$.code', seq) FILTER (WHERE type IN ('step.failed', 'step.retried', 'effect.failed', 'effect.deferred', 'effect.skipped', 'effect.unknown')) AS code,
       arg_max(body->>'$.outputs', seq) FILTER (WHERE type IN ('step.succeeded', 'effect.succeeded', 'wait.ended', 'human.answered')) AS outputs
FROM events WHERE step <> '' GROUP BY run, step;

CREATE VIEW effects AS
WITH proposed AS (
    SELECT run, step, subject, seq, ts, body->>'$.key' AS key, body->>'$.action' AS action,
           CAST(body->>'$.revision' AS INTEGER) AS revision, body->>'$.kind' AS kind, body->>'$.reach' AS reach,
           body->>'$.digest' AS digest, body->>'$.proposal' AS proposal, body->>'$.edited' AS edited
    FROM events WHERE type = 'effect.proposed'
), gated AS (
    SELECT run, step, CAST(body->>'$.revision' AS INTEGER) AS revision, arg_max(body, seq) AS body
    FROM events WHERE type = 'effect.gated' GROUP BY ALL
), intended AS (
    SELECT body->>'$.key' AS key, min(ts) AS ts, min(seq) AS seq, count(*) AS calls
    FROM events WHERE type = 'effect.intended' GROUP BY ALL
), outcome AS (
    SELECT body->>'$.key' AS key, arg_max(type, seq) AS type, max(ts) AS ts, max(seq) AS seq, arg_max(body, seq) AS body,
           -- What was taken back keeps the name the provider gave it.
           arg_max(body->>'$.provider', seq) FILTER (WHERE type = 'effect.succeeded') AS provider
    FROM events WHERE type IN ('effect.succeeded', 'effect.failed', 'effect.deferred', 'effect.unknown', 'effect.resolved', 'effect.undone', 'effect.kept')
    GROUP BY ALL
)
SELECT p.key, p.run, p.step, p.subject, p.action, p.revision, p.kind, p.reach, p.digest, p.proposal, p.edited = 'true' AS edited,
       p.seq, p.ts AS proposed, g.body->>'$.answer' AS answer, g.body->>'$.rule' AS rule, g.body->>'$.because' AS because,
       g.body->>'$.gate' AS gate, i.ts AS intended, i.seq AS intent_seq, coalesce(i.calls, 0) AS calls,
       o.type AS outcome, o.ts AS ended, o.seq AS outcome_seq, o.provider, o.body->>'$.code' AS code
FROM proposed p LEFT JOIN gated g USING (run, step, revision) LEFT JOIN intended i USING (key) LEFT JOIN outcome o USING (key);

CREATE VIEW approvals AS
WITH opened AS (
    SELECT body->>'$.card' AS card, run, subject, seq, ts, body FROM events WHERE type IN ('card.opened', 'card.reopened')
), decided AS (
    SELECT body->>'$.card' AS card, arg_max(type, seq) AS type, max(ts) AS ts, max(seq) AS seq, arg_max(body, seq) AS body
    FROM events WHERE type IN ('card.approved', 'card.rejected', 'card.expired', 'card.closed') GROUP BY ALL
), snoozed AS (
    SELECT body->>'$.card' AS card, arg_max(body->>'$.until', seq) AS until FROM events WHERE type = 'card.snoozed' GROUP BY ALL
)
SELECT o.card, o.run, o.subject, o.seq, o.ts AS opened, o.body->>'$.gate' AS gate, o.body->'$.steps' AS steps,
       CAST(o.body->>'$.strength' AS INTEGER) AS strength, o.body->>'$.digest' AS shown, o.body->>'$.expires' AS expires,
       coalesce(replace(d.type, 'card.', ''), 'open') AS status, d.ts AS decided, d.seq AS decided_seq, d.body->>'$.by' AS by,
       d.body->>'$.channel' AS channel, d.body->>'$.digest' AS approved, d.body->>'$.because' AS because,
       date_diff('second', CAST(o.ts AS TIMESTAMP), CAST(d.ts AS TIMESTAMP)) AS seconds,
       o.body->>'$.content' AS content, coalesce(s.until, '') AS snoozed
FROM opened o LEFT JOIN decided d USING (card) LEFT JOIN snoozed s USING (card);

CREATE VIEW intents AS
SELECT seq, ts, run, step, subject, body->>'$.name' AS name, body->>'$.tier' AS tier, TRY_CAST(body->>'$.score' AS DOUBLE) AS score,
       TRY_CAST(body->>'$.scope' AS DOUBLE) AS scope, TRY_CAST(body->>'$.threshold' AS DOUBLE) AS threshold,
       body->>'$.proven' = 'true' AS proven, body->>'$.versions' AS versions
FROM events WHERE type = 'intent.resolved';

CREATE VIEW costs AS
WITH calls AS (
    SELECT body->>'$.call' AS call, arg_max(run, seq) AS run, arg_max(step, seq) AS step, arg_max(subject, seq) AS subject,
           max(seq) AS seq, min(ts) AS ts, arg_max(type, seq) AS type, arg_max(body, seq) AS body
    FROM events WHERE type IN ('model.reserved', 'model.answered') GROUP BY ALL
)
SELECT c.call, c.run, c.step, c.subject, c.seq, c.ts, r.playbook, r.project, c.body->>'$.model' AS model,
       coalesce(c.body->>'$.served', '') AS served, CAST(c.body->>'$.usd' AS DECIMAL(18, 6)) AS usd,
       CAST(coalesce(c.body->>'$.tokens_in', '0') AS BIGINT) AS tokens_in,
       CAST(coalesce(c.body->>'$.tokens_out', '0') AS BIGINT) AS tokens_out,
       CASE WHEN c.type = 'model.reserved' THEN 'no answer' ELSE coalesce(c.body->>'$.code', '') END AS code,
       strftime(CAST(c.ts AS TIMESTAMP), '%G-W%V') AS week
FROM calls c LEFT JOIN runs r USING (run);

CREATE VIEW subjects AS
SELECT subject, count(*) AS events, count(DISTINCT run) FILTER (WHERE run <> '') AS runs, min(ts) AS first, max(ts) AS last
FROM events WHERE subject <> '' GROUP BY subject;
