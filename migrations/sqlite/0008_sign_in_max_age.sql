-- Seconds since the person proved who they are after which they have to do so again, by the policy of the session.
ALTER TABLE sessions ADD COLUMN sign_in_max_age_s BIGINT;
