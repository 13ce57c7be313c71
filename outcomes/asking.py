"""The statement that asks: whose turn has come, by every kind of occasion, in one go.

An unfinished run leaves nothing behind, a repeated one inserts nothing. Nobody costs a query.

An occasion is found again each minute until it was asked, or until it can be asked no more: it may
be put off by at most a week, because the same questions were asked days before, and stays open for
its plan's window from then on. What lies before the plan's last change is left as it was.
"""

from datetime import timedelta

#: An occasion that comes too soon after the same questions waits at most so long, else it is left
#: out: the next one is near by then.
PUT_OFF_AT_MOST = timedelta(days=7)
#: 12 weeks after the end, put off, with the longest window.
LONGEST_AFTERWARDS = timedelta(days=12 * 7 + 7 + 60)

MAKE_DUE = """
WITH plans AS (
    SELECT p.id, p.group_id, p.baseline, p.every_sessions, p.every_weeks, p.at_end,
           p.after_end_weeks, make_interval(days => p.window_days) AS open_for,
           greatest(p.began_at, p.changed_at) AS since,
           g.organisation_id, g.lifecycle = 'paused' AS pauses, i.code, i.language
    FROM outcomes_surveyplan p
    JOIN instruments_instrument i ON i.id = p.instrument_id
    JOIN groups_supportgroup g ON g.id = p.group_id
    WHERE p.ended_at IS NULL AND p.id <> ALL(%(without_licence)s::uuid[])
), recent AS (
    -- Sessions that may still be asked about.
    SELECT s.id, s.group_id, s.ended_at
    FROM support_sessions_supportsession s
    JOIN (
        SELECT group_id, max(open_for) AS open_for
        FROM plans
        WHERE NOT pauses AND (every_sessions IS NOT NULL OR baseline = 'first_session')
        GROUP BY group_id
    ) asking ON asking.group_id = s.group_id
    WHERE s.status = 'ended' AND s.ended_at <= %(at)s
      AND s.ended_at > %(at)s - asking.open_for - %(put_off)s
), attended AS (
    -- Who came, and for which time.
    SELECT r.id AS session_id, r.ended_at, r.group_id, m.id AS membership_id, (
        SELECT count(*)
        FROM support_sessions_attendance b
        JOIN support_sessions_supportsession t ON t.id = b.support_session_id
        WHERE b.membership_id = m.id AND b.status = ANY(%(came)s) AND t.status = 'ended'
          AND (t.ended_at, t.id) <= (r.ended_at, r.id)
    ) AS nth
    FROM recent r
    JOIN support_sessions_attendance a
      ON a.support_session_id = r.id AND a.status = ANY(%(came)s)
    JOIN groups_membership m ON m.id = a.membership_id AND m.status = 'active'
), endings AS (
    -- Who completed. Who left by themselves is asked if they agreed to it, who was removed never.
    SELECT m.id AS membership_id, m.group_id, m.ended_at AS at
    FROM groups_membership m
    JOIN groups_supportgroup g ON g.id = m.group_id
    WHERE m.group_id IN (SELECT group_id FROM plans WHERE at_end OR after_end_weeks <> '{}')
      AND m.activated_at IS NOT NULL AND m.ended_at > %(at)s - %(longest)s
      AND (m.status = 'completed' OR m.status = 'withdrawn' AND EXISTS (
        SELECT 1 FROM accounts_consent c
        WHERE c.user_id = m.user_id AND c.organisation_id = g.organisation_id
          AND c.purpose = %(leaving)s AND c.version >= %(leaving_from)s
          AND c.given_at IS NOT NULL AND c.withdrawn_at IS NULL
      ))
      AND NOT EXISTS (
        SELECT 1 FROM groups_membership again
        WHERE again.group_id = m.group_id AND again.user_id = m.user_id
          AND again.status IN ('accepted', 'active')
      )
    UNION ALL
    -- The last session of a course ends it, also while nobody has closed the memberships.
    SELECT m.id, m.group_id, last.ended_at
    FROM groups_supportgroup g
    CROSS JOIN LATERAL (
        SELECT s.ended_at
        FROM support_sessions_supportsession s
        WHERE s.group_id = g.id AND s.status = 'ended'
        ORDER BY s.starts_at, s.id
        OFFSET g.course_sessions - 1
        LIMIT 1
    ) last
    JOIN groups_membership m
      ON m.group_id = g.id AND m.status = 'active' AND m.activated_at < last.ended_at
    WHERE g.course_sessions IS NOT NULL
      AND g.id IN (SELECT group_id FROM plans WHERE at_end OR after_end_weeks <> '{}')
), occasions AS (
    SELECT p.id AS plan_id, a.membership_id, a.session_id, a.ended_at AS moment,
           CASE WHEN p.baseline = 'first_session' AND a.nth = 1 THEN 'baseline' ELSE 'regular'
           END AS occasion,
           CASE p.baseline WHEN 'first_session' THEN (a.nth - 1) / coalesce(p.every_sessions, 1)
                ELSE a.nth / p.every_sessions END AS place
    FROM plans p
    JOIN attended a ON a.group_id = p.group_id
    WHERE NOT p.pauses AND CASE p.baseline
        WHEN 'first_session' THEN a.nth = 1 OR (a.nth - 1) %% p.every_sessions = 0
        ELSE a.nth %% p.every_sessions = 0
    END
    UNION ALL
    SELECT p.id, m.id, NULL, m.activated_at, 'baseline', 0
    FROM plans p
    JOIN groups_membership m ON m.group_id = p.group_id AND m.status = 'active'
    WHERE p.baseline = 'on_joining' AND NOT p.pauses
      AND m.activated_at > %(at)s - p.open_for - %(put_off)s
    UNION ALL
    SELECT p.id, m.id, NULL, began.at + rhythm.place * rhythm.length, 'regular', rhythm.place
    FROM plans p
    JOIN groups_membership m ON m.group_id = p.group_id AND m.status = 'active'
    CROSS JOIN LATERAL (
        SELECT CASE WHEN p.baseline <> 'first_session' THEN m.activated_at ELSE (
            SELECT min(s.ended_at)
            FROM support_sessions_attendance a
            JOIN support_sessions_supportsession s
              ON s.id = a.support_session_id AND s.status = 'ended'
            WHERE a.membership_id = m.id AND a.status = ANY(%(came)s)
        ) END AS at
    ) began
    CROSS JOIN LATERAL (
        SELECT make_interval(days => 7 * p.every_weeks) AS length,
               floor(extract(epoch FROM %(at)s - began.at) / (604800 * p.every_weeks))::int AS place
    ) rhythm
    WHERE p.every_weeks IS NOT NULL AND NOT p.pauses AND rhythm.place >= 1
    UNION ALL
    SELECT p.id, e.membership_id, NULL, e.at + make_interval(days => 7 * kind.weeks),
           kind.occasion, 0
    FROM plans p
    JOIN endings e ON e.group_id = p.group_id
    CROSS JOIN (
        VALUES ('end', 0), ('follow_up_4', 4), ('follow_up_12', 12)
    ) AS kind(occasion, weeks)
    WHERE CASE kind.weeks WHEN 0 THEN p.at_end ELSE kind.weeks = ANY(p.after_end_weeks) END
), coming AS (
    SELECT o.*, m.user_id, m.group_id, p.organisation_id, p.code, p.language, p.open_for
    FROM occasions o
    JOIN plans p ON p.id = o.plan_id
    JOIN groups_membership m ON m.id = o.membership_id
    JOIN accounts_user u ON u.id = m.user_id AND u.is_active
    WHERE o.moment >= p.since AND o.moment <= %(at)s
      AND o.moment > %(at)s - p.open_for - %(put_off)s
      AND NOT EXISTS (
        SELECT 1 FROM outcomes_surveyinvitation v
        WHERE v.plan_id = o.plan_id AND v.membership_id = o.membership_id AND (
            v.arose_at = o.moment OR v.support_session_id = o.session_id
            OR v.occasion = o.occasion AND v.occasion <> 'regular'
        )
      )
), placed AS (
    -- Waves rise with time, whatever the plan was before. No baseline follows an answer.
    SELECT c.*, before.wave AS wave_before
    FROM coming c
    LEFT JOIN LATERAL (
        SELECT max(v.wave) AS wave
        FROM outcomes_surveyinvitation v
        JOIN outcomes_surveyplan q ON q.id = v.plan_id
        JOIN instruments_instrument j ON j.id = q.instrument_id AND j.code = c.code
        WHERE v.membership_id = c.membership_id
    ) before ON true
    WHERE c.occasion <> 'baseline' OR before.wave IS NULL
), timed AS (
    SELECT c.*, shared.id AS shared_id,
           CASE WHEN shared.id IS NULL THEN greatest(c.moment, asked.last + %(again)s)
                ELSE c.moment END AS due_at
    FROM placed c
    LEFT JOIN LATERAL (
        -- When this person was last asked the same, whoever asked.
        SELECT max(v.due_at) AS last
        FROM groups_membership n
        JOIN outcomes_surveyinvitation v ON v.membership_id = n.id AND v.stopped_at IS NULL
        JOIN outcomes_surveyplan q ON q.id = v.plan_id
        JOIN instruments_instrument j ON j.id = q.instrument_id
        WHERE n.user_id = c.user_id AND j.code = c.code AND NOT EXISTS (
            SELECT 1 FROM outcomes_response r
            WHERE r.invitation_id = v.id AND r.shared_from_id IS NOT NULL
        )
    ) asked ON true
    LEFT JOIN LATERAL (
        -- What they answered to another group of the same organisation, if they share it.
        SELECT r.id
        FROM groups_membership n
        JOIN groups_supportgroup g ON g.id = n.group_id AND g.organisation_id = c.organisation_id
        JOIN outcomes_surveyinvitation v ON v.membership_id = n.id
        JOIN outcomes_response r ON r.invitation_id = v.id
        JOIN instruments_instrument j ON j.id = r.instrument_id
        WHERE n.user_id = c.user_id AND n.group_id <> c.group_id
          AND j.code = c.code AND j.language = c.language AND r.shared_from_id IS NULL
          AND asked.last IS NOT NULL AND v.due_at > c.moment - %(again)s
          AND r.submitted_at > c.moment - %(again)s
          AND EXISTS (
            SELECT 1 FROM accounts_consent a
            WHERE a.user_id = c.user_id AND a.organisation_id IS NULL
              AND a.purpose = %(sharing)s AND a.version >= %(sharing_from)s
              AND a.given_at IS NOT NULL AND a.withdrawn_at IS NULL
          )
        ORDER BY r.submitted_at DESC
        LIMIT 1
    ) shared ON true
), chosen AS (
    -- One at a time of the same questions: the earliest. The next run sees the others.
    SELECT DISTINCT ON (user_id, code) *
    FROM timed
    WHERE due_at <= %(at)s AND due_at <= moment + %(put_off)s AND due_at + open_for > %(at)s
    ORDER BY user_id, code, shared_id IS NULL, moment, plan_id
), made AS (
    INSERT INTO outcomes_surveyinvitation
        (plan_id, membership_id, occasion, wave, support_session_id, arose_at, due_at, closes_at,
         next_mail_at, attempts)
    SELECT plan_id, membership_id, occasion,
           CASE occasion WHEN 'baseline' THEN 0
                ELSE greatest(place, wave_before + 1, 1) END,
           session_id, moment, due_at, due_at + open_for,
           CASE WHEN shared_id IS NULL THEN due_at END, 0
    FROM chosen
    ON CONFLICT DO NOTHING
    RETURNING id, plan_id, membership_id
), copied AS (
    INSERT INTO outcomes_response
        (invitation_id, instrument_id, answers, started_at, saved_at, submitted_at, score, band,
         scales, way, entered_by_id, answered_on, shared_from_id)
    SELECT made.id, r.instrument_id, r.answers, r.started_at, r.saved_at, r.submitted_at, r.score,
           r.band, r.scales, r.way, r.entered_by_id, r.answered_on, r.id
    FROM made
    JOIN chosen c ON c.plan_id = made.plan_id AND c.membership_id = made.membership_id
    JOIN outcomes_response r ON r.id = c.shared_id
    RETURNING invitation_id
)
SELECT made.plan_id, count(*), count(copied.invitation_id)
FROM made LEFT JOIN copied ON copied.invitation_id = made.id
GROUP BY made.plan_id
"""

#: Plans ask the newest version of their questionnaire, as long as it has the same owner and terms.
#: Whoever has begun to answer goes on with the version that they began.
FOLLOW_CORRECTIONS = """
WITH newest AS (
    SELECT DISTINCT ON (organisation_id, code, language, terms)
           id, organisation_id, code, language, terms
    FROM instruments_instrument
    ORDER BY organisation_id, code, language, terms, version::bigint DESC
)
UPDATE outcomes_surveyplan p
SET instrument_id = n.id
FROM instruments_instrument i
JOIN newest n ON n.code = i.code AND n.language = i.language AND n.terms = i.terms
 AND n.organisation_id IS NOT DISTINCT FROM i.organisation_id
WHERE p.instrument_id = i.id AND n.id <> i.id AND p.ended_at IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM outcomes_surveyplan other
    WHERE other.group_id = p.group_id AND other.instrument_id = n.id AND other.ended_at IS NULL
  )
RETURNING p.id
"""
